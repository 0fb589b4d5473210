/**
 * Loaded into the server that cli/server.ts starts: when the command that started it is gone, however that ended, the
 * server stops as it does on SIGTERM.
 */
process.once('disconnect', () => process.emit('SIGTERM'))
// Listening for the end of the channel must not keep a server from ending by itself.
process.channel?.unref()
