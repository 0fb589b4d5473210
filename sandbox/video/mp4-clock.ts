/** Boxes that contain the boxes with times. */
const CONTAINERS = new Set(['moov', 'trak', 'mdia'])
const WITH_TIMES = new Set(['mvhd', 'tkhd', 'mdhd'])

/**
 * Zeroes the creation and modification times of an MP4 in place: the muxer writes the current time, but the same image
 * and settings must give the same bytes.
 * @see ISO/IEC 14496-12, 8.2.2, 8.3.2 and 8.4.2
 */
export function clearMp4Clock(bytes: Uint8Array): void {
  clearBoxes(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.byteLength)
}

function clearBoxes(view: DataView, start: number, end: number): void {
  let at = start
  while (at + 8 <= end) {
    const size = view.getUint32(at)
    const type = String.fromCharCode(...Array.from({ length: 4 }, (_, index) => view.getUint8(at + 4 + index)))
    // Size 1 means a 64-bit size, size 0 the rest of the file: in our files only mdat uses them, and it has no times.
    const boxEnd = size === 1 ? at + Number(view.getBigUint64(at + 8)) : size === 0 ? end : at + size
    if (CONTAINERS.has(type)) clearBoxes(view, at + 8, boxEnd)
    if (WITH_TIMES.has(type)) {
      const timesLength = view.getUint8(at + 8) === 1 ? 16 : 8
      for (let offset = 0; offset < timesLength; offset += 4) view.setUint32(at + 12 + offset, 0)
    }
    if (boxEnd <= at) return
    at = boxEnd
  }
}
