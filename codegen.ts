import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { CodegenConfig } from '@graphql-codegen/cli'

/**
 * What `npm run generate` writes: the contract with its possible types, and typed documents for the operations in operations/ and in studio/. All are
 * committed, and `graphql-codegen --config codegen.ts --check` fails when they are stale. Nothing is opened or fetched.
 *
 * The schema is printed by a Node of its own. The command loads this file through its own loader, which would bring a
 * second copy of graphql along, and graphql does not take the types of another copy.
 */
const printSchema = join(import.meta.dirname, 'scripts/print-schema.ts')
const schema = execFileSync(process.execPath, ['--no-warnings', printSchema], { encoding: 'utf8' })

/** Types of the documents of one folder, and the documents themselves as plain strings: to send them takes no graphql-js. */
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
    // What caches need to know of interfaces and unions: without it, Apollo Client drops what `... on UserError` selects.
    'possible-types.json': { plugins: ['fragment-matcher'] },
    'operations/generated/': { ...typedDocuments, documents: 'operations/*.graphql' },
    // The page's own operations may spread the fragments of operations/.
    'studio/src/generated/': {
      ...typedDocuments,
      documents: ['studio/src/**/*.graphql', 'operations/fragments.graphql'],
    },
  },
}

export default config
