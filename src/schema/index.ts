import './scalars.ts'
import './video.ts'
import './query.ts'
import './mutation.ts'
import './subscription.ts'
import { builder } from './builder.ts'

/** The whole schema. Making it opens nothing. */
export const schema = builder.toSchema()
