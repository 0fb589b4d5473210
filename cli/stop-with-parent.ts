/** Preloaded into the server that cli/server.ts starts, which stops as on SIGTERM when the command exits in any way. */
process.once('disconnect', () => process.emit('SIGTERM'))
// The open channel must not keep the server alive.
process.channel?.unref()
