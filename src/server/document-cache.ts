import type { DocumentNode } from 'graphql'
import type { Plugin as YogaPlugin } from 'graphql-yoga'
import { LRUCache } from 'lru-cache'

/** What all parsed documents take together, in bytes: some thousands of this API's own operations. */
const MAX_BYTES = 16 * 1024 * 1024

/** What a token takes as part of a parsed document, in bytes: 240 to 450 measured, by what it is. */
const TOKEN_BYTES = 512

/** What a document takes besides, in bytes. */
const DOCUMENT_BYTES = 2048

/**
 * Parses and validates a document once. Only valid ones are kept, so that what is refused displaces nothing; counted
 * are bytes, since callers write them.
 */
export function cacheDocuments(): YogaPlugin {
  const documents = new LRUCache<string, DocumentNode>({ maxSize: MAX_BYTES, sizeCalculation: measure })
  const valid = new WeakSet<DocumentNode>()
  return {
    onParse: ({ params, setParsedDocument }) => {
      const document = documents.get(String(params.source))
      if (document) setParsedDocument(document)
    },
    onValidate: ({ params: { documentAST }, setResult }) => {
      if (valid.has(documentAST)) {
        setResult([])
        return
      }
      return ({ valid: isValid }) => {
        const text = documentAST.loc?.source.body
        if (!isValid || text === undefined) return
        valid.add(documentAST)
        documents.set(text, documentAST)
      }
    },
  }
}

function measure({ tokenCount = 0 }: DocumentNode, text: string): number {
  return DOCUMENT_BYTES + TOKEN_BYTES * tokenCount + 2 * text.length
}
