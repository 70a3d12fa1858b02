/**
 * Where a value differs from a schema, without the value: values may be users' texts or credentials, and must not
 * appear in errors. For implementations of `MessagesService` over another transport.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as AST from "effect/SchemaAST"

/**
 * One place where a value differs from its schema.
 *
 * @since 0.1.0
 * @category models
 */
export interface Mismatch {
  /** Such as `[3].toolCalls[0].id`; empty for the value itself. */
  readonly path: string
  /** What the schema allows. */
  readonly expected: string
  /** The kind of the value there. */
  readonly actual: string
}

/**
 * The kind of a value, as readable text.
 *
 * @since 0.1.0
 * @category combinators
 */
export const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return "an array"
  switch (typeof value) {
    case "string":
      return value.trim() === "" ? "a blank string" : "a string"
    case "number":
      if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : "an infinite number"
      return Number.isInteger(value) ? "an integer" : "a fraction"
    case "object":
      return "an object"
    default:
      return `a ${typeof value}`
  }
}

const step = (key: PropertyKey): string =>
  typeof key === "number" ? `[${key}]` : /^[A-Za-z_$][\w$]{0,63}$/.test(String(key)) ? `.${String(key)}` : `["..."]`

const shape = (ast: AST.AST): string => {
  // A value is present, so that it may be left out is no help.
  if (AST.isUnion(ast))
    return ast.types
      .filter((type) => !AST.isUndefinedKeyword(type))
      .map(describe)
      .join(" or ")
  if (AST.isTupleType(ast)) return "an array"
  return AST.isTypeLiteral(ast) ? "an object" : String(ast)
}

/** The description of a schema, else its name, its shape or its literal. */
const describe = (ast: AST.AST): string =>
  AST.getDescriptionAnnotation(ast).pipe(
    Option.orElse(() => AST.getIdentifierAnnotation(ast)),
    Option.getOrElse(() => shape(ast))
  )

/** The first leaf of an issue is the first thing that is wrong. */
const walk = (issue: ParseResult.ParseIssue, path: string): Mismatch => {
  switch (issue._tag) {
    case "Pointer": {
      const keys: ReadonlyArray<PropertyKey> = Array.isArray(issue.path) ? issue.path : [issue.path as PropertyKey]
      return walk(issue.issue, path + keys.map(step).join(""))
    }
    case "Composite": {
      const issues = [issue.issues].flat() as ReadonlyArray<ParseResult.ParseIssue>
      if (!AST.isUnion(issue.ast)) return walk(issues[0] as ParseResult.ParseIssue, path)
      // If the union allows only one thing besides `undefined`, describe that instead of the union.
      const meant = issues.filter((member) => !("ast" in member && AST.isUndefinedKeyword(member.ast as AST.AST)))
      if (meant.length === 1) return walk(meant[0] as ParseResult.ParseIssue, path)
      // Each member of a union says why it refused. Use the one that looked inside the value. If none did, list the
      // members.
      const inside = issues.map((member) => walk(member, path)).find((mismatch) => mismatch.path !== path)
      return inside ?? { path, expected: describe(issue.ast), actual: kindOf(issue.actual) }
    }
    case "Refinement":
      return issue.kind === "From" && AST.getDescriptionAnnotation(issue.ast)._tag === "None"
        ? walk(issue.issue, path)
        : {
            path,
            expected: describe(issue.ast),
            // The kind is right: "must be a string of ..., but is a string" would not help.
            actual:
              issue.kind === "From"
                ? kindOf(issue.actual)
                : kindOf(issue.actual).replace(/^an? (?=string|integer)/, "another ")
          }
    case "Transformation":
      return walk(issue.issue, path)
    case "Missing":
      return { path, expected: describe(issue.ast.type), actual: "missing" }
    case "Unexpected":
      return { path, expected: "left out: there is no such key", actual: "present" }
    case "Type":
    case "Forbidden":
      return { path, expected: describe(issue.ast), actual: kindOf(issue.actual) }
  }
}

/**
 * The first thing that a schema refused, and where.
 *
 * @example
 * import { BackendMessage, Mismatch } from "@mix-effect/core"
 * import { Either, Schema } from "effect"
 *
 * const result = Schema.decodeUnknownEither(BackendMessage)({ id: 7 })
 * // { path: "id", expected: "a string", actual: "an integer" }
 * const mismatch = Either.isLeft(result) ? Mismatch.fromParseError(result.left) : undefined
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromParseError = (error: ParseResult.ParseError): Mismatch => {
  const { path, ...rest } = walk(error.issue, "")
  return { path: path.startsWith(".") ? path.slice(1) : path, ...rest }
}
