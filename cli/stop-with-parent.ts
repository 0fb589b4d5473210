/**
 * Preloaded into the server that cli/server.ts starts. When the command exits, however that happens, the server stops
 * as on SIGTERM.
 */
process.once('disconnect', () => process.emit('SIGTERM'))
// The open channel must not keep the server alive.
process.channel?.unref()
