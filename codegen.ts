import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { CodegenConfig } from '@graphql-codegen/cli'

/**
 * What `npm run codegen` writes: the contract, and typed documents for every operation in operations/. Both are
 * committed, and `graphql-codegen --config codegen.ts --check` fails when they are stale. Nothing is opened or fetched.
 *
 * The schema is printed by a Node of its own. The command loads this file through its own loader, which would bring a
 * second copy of graphql along, and graphql does not take the types of another copy.
 */
const printSchema = join(import.meta.dirname, 'scripts/print-schema.ts')
const schema = execFileSync(process.execPath, ['--no-warnings', printSchema], { encoding: 'utf8' })

const config: CodegenConfig = {
  schema,
  documents: 'operations/*.graphql',
  generates: {
    'schema.graphql': { plugins: ['schema-ast'], config: { includeDirectives: true } },
    'operations/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false, skipIndexFile: true },
      config: {
        // Documents are plain strings: a client needs no graphql-js to send them.
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
