/**
 * Regular expressions of recipes. They run on RE2's linear-time engine (re2js), so that a peer's recipe cannot hang
 * this node; what RE2 cannot do in linear time (backreferences) it refuses to compile.
 */
import { RE2JS } from 're2js';
import { MAX_REGEX_LENGTH, MAX_REPETITION } from './limits.ts';

export type CompiledRegex =
  | { readonly ok: true; readonly regex: RE2JS }
  | { readonly ok: false; readonly problem: string };

/** Compiles within the limits; never throws. Case-sensitive, `^` and `$` are the ends of what is matched. */
export function compileRegex(source: string): CompiledRegex {
  if (source.length > MAX_REGEX_LENGTH) {
    return { ok: false, problem: `it has ${source.length} characters, more than ${MAX_REGEX_LENGTH}` };
  }
  for (const [, low, high] of source.matchAll(/\{([0-9]+)(?:,([0-9]*))?\}/g)) {
    if (Math.max(Number(low), Number(high ?? 0)) > MAX_REPETITION) {
      return { ok: false, problem: `it repeats something more than ${MAX_REPETITION} times` };
    }
  }
  // `(?<=` and `(?<!` are an extension of re2js, not RE2: another implementation of the language would refuse them.
  if (/\(\?<[=!]/.test(source)) return { ok: false, problem: 'look-behind is not in RE2 syntax' };
  try {
    return { ok: true, regex: RE2JS.compile(source) };
  } catch (error) {
    // Not swallowed: what the engine says becomes the problem that is shown with its place in the file.
    return {
      ok: false,
      problem: error instanceof Error ? error.message.replace('error parsing regexp: ', '') : 'it does not compile',
    };
  }
}

/** Unrelated lines that a screen might show: a pattern found in several of them says nothing about any. */
const UNRELATED_LINES: readonly string[] = [
  'The quick brown fox jumps over the lazy dog',
  'Waiting for /dev/sda1 to settle (3 of 20)...',
  'PACK MY BOX WITH FIVE DOZEN LIQUOR JUGS',
  '[    0.004512] x86/cpu: 64-bit, 1 core',
  '~ # ',
  'error: no such device',
  '         Yes              No      ',
  '1234567890',
  '+-----------------------------------+',
  'login: ',
  '┌──────────┤ [!!] Choose a mirror ├──────────┐',
  '│                                          │',
  '└──────────────────────────────────────────┘',
  'Setting up the package and its configuration',
  '<Tab> moves; <Space> selects; <Enter> activates buttons',
  'Reading state information... 57%',
];

/** What dialogs, rules and bars are drawn with: who finds something in these looks for nothing. */
const DRAWN_LINES: readonly string[] = ['-', '=', '_', '#', '*', '.', '─', '═', '│', '█', '░', ' '].map((drawn) =>
  drawn.repeat(40),
);

/** How many of the unrelated lines a pattern may be found in before it says nothing. */
const MAX_UNRELATED = 2;

/** True where the pattern holds on (nearly) every screen: it matches nothing at all, one character, or unrelated lines. */
export function regexMatchesAnything(source: string): boolean {
  const compiled = compileRegex(source);
  // Only with a parameter's value in it can a checked one not compile: nothing can be said for it then.
  if (!compiled.ok) return true;
  const { regex } = compiled;
  if (regex.matcher('').find() || regex.matcher('\ufffd').find()) return true;
  for (let code = 0x2500; code < 0x25a0; code++) {
    if (regex.matcher(String.fromCharCode(code)).find()) return true;
  }
  for (let code = 0x20; code < 0x7f; code++) {
    if (regex.matcher(String.fromCharCode(code)).find()) return true;
  }
  if (DRAWN_LINES.some((line) => regex.matcher(line).find())) return true;
  return UNRELATED_LINES.filter((line) => regex.matcher(line).find()).length > MAX_UNRELATED;
}

/** A text shorter than this (visible characters) is on nearly every screen. */
export const MIN_TELLING_LENGTH = 3;

/** Frames of dialogs, rules and bars say nothing, however long they are. */
const DRAWING = /[\s\u2500-\u259f_=|+*.-]/g;

export function textMatchesAnything(text: string): boolean {
  return text.replaceAll(/\s/g, '').length < MIN_TELLING_LENGTH || text.replaceAll(DRAWING, '') === '';
}
