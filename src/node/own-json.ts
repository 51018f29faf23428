/**
 * JSON that this program wrote itself: its own files in the home, its own answers over the control socket. What comes from
 * outside never goes through here (crypto/strict-json.ts, operations/arguments.ts).
 */
/* oxlint-disable typescript/no-unnecessary-type-parameters -- the parameter is the point: writer and reader are one program */

/** Throws `SyntaxError` for what is no JSON. The shape is the caller's promise. */
export function ownJson<T>(text: string): T {
  return JSON.parse(text) as T;
}

/** The same for a value that was parsed already. */
export function ownValue<T>(value: unknown): T {
  return value as T;
}
