import type { DocumentNode } from 'graphql'
import type { Plugin as YogaPlugin } from 'graphql-yoga'
import { LRUCache } from 'lru-cache'

/** Memory of all cached documents, in bytes: enough for some thousands of this API's own operations. */
const MAX_BYTES = 16 * 1024 * 1024

/** Memory of a token in a parsed document, in bytes: 240 to 450 measured, depending on its kind. */
const TOKEN_BYTES = 512

/** Memory of a document besides its tokens, in bytes. */
const DOCUMENT_BYTES = 2048

/**
 * Parses and validates each document once. Only valid documents are cached, so that refused ones evict nothing. The
 * cache is limited by bytes rather than by count, since callers choose the size.
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
      if (valid.has(documentAST)) return setResult([])
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
