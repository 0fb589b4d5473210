import type { CodegenConfig } from '@graphql-codegen/cli'

const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: 'src/**/*.ts',
  generates: {
    'src/reelay/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        // A scalar that is missing below fails the build instead of becoming `unknown`.
        strictScalars: true,
        scalars: { ID: 'string', DateTime: 'string', URL: 'string', SafeInt: 'number', File: 'Blob' },
      },
    },
    'src/reelay/possible-types.json': { plugins: ['fragment-matcher'] },
  },
}

export default config
