/**
 * What a text may hold. Two strings that look the same must be the same bytes (NFC), and a name must not be able to
 * move the cursor, recolour a terminal or turn the reading direction of what stands beside it (threat 36).
 */

/** C0 and C1 controls, line and paragraph separators. */
// oxlint-disable-next-line no-control-regex -- finding control characters is what it is for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Unicode's bidirectional formatting characters (UAX #9, section 2). */
const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** Takes no room on the screen, so that two different names would look the same. */
const INVISIBLE = /[\u00ad\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb]/;

/** Unicode NFC and well-formed UTF-16: has exactly one UTF-8 form, which every reader gets back unchanged. */
export function isPlainText(text: string): boolean {
  return text.isWellFormed() && text.normalize('NFC') === text;
}

/** Fit to be shown on one line beside other text: no control and no bidi characters. May be empty. */
export function isSafeLine(text: string, maxLength: number): boolean {
  return text.length <= maxLength && isPlainText(text) && !CONTROL.test(text) && !BIDI.test(text);
}

/** Fit to name something: a safe line, not empty, without invisible characters and without blanks at its ends. */
export function isSafeName(text: string, maxLength: number): boolean {
  return text.length > 0 && text.trim() === text && isSafeLine(text, maxLength) && !INVISIBLE.test(text);
}

/** A text of many lines, as people read it: line feeds and tabs are its only controls, and no bidi characters. */
export function isSafeText(text: string): boolean {
  return isPlainText(text) && !BIDI.test(text) && !CONTROL.test(text.replaceAll(/[\n\t]/g, ''));
}
