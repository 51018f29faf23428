/**
 * A part of a template that is not taken over, and why, in words that go on after its place. It is caught where the part
 * begins, and becomes a row of the table; it never leaves this folder.
 */
export class NotPure extends Error {
  override readonly name = 'NotPure';
}
