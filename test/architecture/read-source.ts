import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAst } from 'vitest/node'

/** One arrow: what a file takes from another, or from a package. */
export interface Import {
  /** Path from the project's root, such as `src/app.ts`. */
  from: string
  /** Path from the root, or the name of a package as it was written. */
  to: string
  /** True for a package of npm or of Node. */
  isPackage: boolean
  /** A type is erased before it runs; a value loads the module. */
  kind: 'type' | 'value'
  /** What is taken; `*` for all, empty when the module is only loaded. */
  names: string[]
}

/** A source file, as far as the rules of the house go. */
export interface Source {
  file: string
  imports: Import[]
  readsEnvironment: boolean
}

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Paths from the root of every TypeScript file below these folders; a folder that is not there has none. */
export function listSources(folders: readonly string[]): string[] {
  return folders.flatMap((folder) => {
    try {
      const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      const sources = names.filter((name) => /\.[cm]?tsx?$/.test(name) && !name.split(sep).includes('node_modules'))
      return sources.map((name) => posix.join(folder, name.replaceAll(sep, '/'))).sort()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  })
}

export function readSource(file: string): Source {
  return parseSource(file, readFileSync(join(ROOT, file), 'utf8'))
}

/** @param file - the path of the text, from which relative imports are resolved. */
export function parseSource(file: string, text: string): Source {
  const source: Source = { file, imports: [], readsEnvironment: false }
  visit(parseAst(text, { lang: file.endsWith('x') ? 'tsx' : 'ts' }), (node) => {
    source.imports.push(...toImports(file, node))
    if (isEnvironmentRead(node)) source.readsEnvironment = true
  })
  return source
}

type Node = Record<string, unknown> & { type: string }

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Node>).type === 'string'
}

function visit(value: unknown, look: (node: Node) => void): void {
  if (Array.isArray(value)) for (const item of value) visit(item, look)
  else if (isNode(value)) {
    look(value)
    for (const child of Object.values(value)) if (typeof child === 'object') visit(child, look)
  }
}

function toImports(from: string, node: Node): Import[] {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration': {
      if (!isNode(node.source)) return []
      const target = toTarget(from, node.source.value)
      const specifiers = (Array.isArray(node.specifiers) ? node.specifiers : []).filter(isNode)
      const ofType = (specifier: Node) => specifier.importKind === 'type' || specifier.exportKind === 'type'
      if (node.importKind === 'type' || node.exportKind === 'type')
        return [
          {
            from,
            ...target,
            kind: 'type',
            names: node.type === 'ExportAllDeclaration' ? ['*'] : specifiers.map(toName),
          },
        ]
      const types = specifiers.filter(ofType).map(toName)
      const values = specifiers.filter((specifier) => !ofType(specifier)).map(toName)
      return [
        ...(types.length > 0 ? [{ from, ...target, kind: 'type' as const, names: types }] : []),
        // Without `import type` the module is loaded, also when all that is taken from it is types.
        { from, ...target, kind: 'value', names: node.type === 'ExportAllDeclaration' ? ['*'] : values },
      ]
    }
    case 'ImportExpression':
      return [
        { from, ...toTarget(from, isNode(node.source) ? node.source.value : undefined), kind: 'value', names: ['*'] },
      ]
    case 'TSImportType':
      return [
        { from, ...toTarget(from, isNode(node.source) ? node.source.value : undefined), kind: 'type', names: ['*'] },
      ]
    default:
      return []
  }
}

function toName(specifier: Node): string {
  if (specifier.type === 'ImportDefaultSpecifier') return 'default'
  const name = specifier.type === 'ExportSpecifier' ? specifier.local : specifier.imported
  return isNode(name) ? String(name.name ?? name.value) : '*'
}

function toTarget(from: string, written: unknown): { to: string; isPackage: boolean } {
  if (typeof written !== 'string')
    throw new Error(`${from} imports something that is computed: the rules cannot be checked, write it out`)
  if (!/^\.{0,2}\//.test(written) && !written.startsWith('file:')) return { to: written, isPackage: true }
  return { to: relative(ROOT, join(ROOT, dirname(from), written)).replaceAll(sep, '/'), isPackage: false }
}

function isEnvironmentRead(node: Node): boolean {
  if (node.type === 'ImportDeclaration')
    return isNode(node.source) && /^(node:)?process$/.test(String(node.source.value))
  if (node.type !== 'MemberExpression' || !isNode(node.object) || !isNode(node.property)) return false
  return node.object.name === 'process' && (node.property.name === 'env' || node.property.value === 'env')
}
