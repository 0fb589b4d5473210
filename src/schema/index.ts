import './scalars.ts'
import './video.ts'
import './query.ts'
import './mutation.ts'
import './subscription.ts'
import { builder } from './builder.ts'

/** The whole schema. Creating it opens no connection. */
export const schema = builder.toSchema()
