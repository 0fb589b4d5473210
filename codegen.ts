import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { CodegenConfig } from '@graphql-codegen/cli'

/**
 * Configures `npm run generate`: the contract with its possible types, and typed documents for the operations in
 * operations/ and studio/. All are committed; `graphql-codegen --config codegen.ts --check` fails when they are stale.
 * Nothing is opened or fetched.
 *
 * A separate Node process prints the schema. The command loads this file with a loader of its own, which would load a
 * second copy of graphql, and graphql rejects the types of another copy.
 */
const printSchema = join(import.meta.dirname, 'scripts/print-schema.ts')
const schema = execFileSync(process.execPath, ['--no-warnings', printSchema], { encoding: 'utf8' })

/** The types of one folder's documents, and the documents as plain strings, so that clients need no graphql-js. */
const typedDocuments = {
  preset: 'client',
  presetConfig: { fragmentMasking: false, skipIndexFile: true },
  config: {
    documentMode: 'string',
    enumType: 'string-literal',
    importExtension: '.ts',
    useTypeImports: true,
    strictScalars: true,
    scalars: { ID: 'string', DateTime: 'string', URL: 'string', SafeInt: 'number', File: 'Blob' },
  },
} as const

const config: CodegenConfig = {
  schema,
  generates: {
    'schema.graphql': { plugins: ['schema-ast'], config: { includeDirectives: true } },
    // The members of interfaces and unions, for caches: without them Apollo Client drops the fields of `... on UserError`.
    'possible-types.json': { plugins: ['fragment-matcher'] },
    'operations/generated/': { ...typedDocuments, documents: 'operations/*.graphql' },
    // The studio's operations may spread the fragments of operations/.
    'studio/src/generated/': {
      ...typedDocuments,
      documents: ['studio/src/**/*.graphql', 'operations/fragments.graphql'],
    },
  },
}

export default config
