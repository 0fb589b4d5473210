import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { CodegenConfig } from '@graphql-codegen/cli'

/**
 * What `npm run generate` writes: the contract with its possible types, and typed documents for operations/. All are
 * committed; `graphql-codegen --config codegen.ts --check` fails when they are stale. No server or database is needed.
 *
 * A separate Node process prints the schema: the codegen command loads this file with a second copy of graphql, and
 * graphql rejects types that another copy made.
 */
const printSchema = join(import.meta.dirname, 'scripts/print-schema.ts')
const schema = execFileSync(process.execPath, ['--no-warnings', printSchema], { encoding: 'utf8' })

const config: CodegenConfig = {
  schema,
  generates: {
    'schema.graphql': { plugins: ['schema-ast'], config: { includeDirectives: true } },
    // Caches need the members of interfaces and unions: without them Apollo Client drops the fields of `... on UserError`.
    'possible-types.json': { plugins: ['fragment-matcher'] },
    'operations/generated/': {
      documents: 'operations/*.graphql',
      preset: 'client',
      presetConfig: { fragmentMasking: false, skipIndexFile: true },
      config: {
        // Documents are plain strings, so that sending them needs no graphql-js.
        documentMode: 'string',
        enumType: 'string-literal',
        importExtension: '.ts',
        useTypeImports: true,
        strictScalars: true,
        scalars: { ID: 'string', DateTime: 'string', URL: 'string', SafeInt: 'number', File: 'Blob' },
      },
    },
  },
}

export default config
