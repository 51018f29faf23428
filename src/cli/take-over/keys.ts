/** What a terminal sends for the keys that a person presses, as characters and key names of recipes. Pure. */
import type { Input } from '../../workshop/provision/recording.ts';

/** Ctrl-], as in `portalgun run`: the one key that the guest does not get. */
export const HOT_KEY = '\u001d';

/** Final bytes of CSI and SS3 sequences (ECMA-48, xterm's ctlseqs). */
const BY_LETTER: Readonly<Record<string, string>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  F: 'end',
  H: 'home',
  P: 'f1',
  Q: 'f2',
  R: 'f3',
  S: 'f4',
  Z: 'shift-tab',
};
/** Numbers of `CSI … ~`. */
const BY_NUMBER: Readonly<Record<string, string>> = {
  1: 'home',
  2: 'insert',
  3: 'delete',
  4: 'end',
  5: 'pageup',
  6: 'pagedown',
  7: 'home',
  8: 'end',
  11: 'f1',
  12: 'f2',
  13: 'f3',
  14: 'f4',
  15: 'f5',
  17: 'f6',
  18: 'f7',
  19: 'f8',
  20: 'f9',
  21: 'f10',
  23: 'f11',
  24: 'f12',
};
/** xterm's modifier parameter: 1 and the sum of shift (1), alt (2) and ctrl (4). */
const MODIFIERS: Readonly<Record<string, string>> = {
  2: 'shift-',
  3: 'alt-',
  4: 'alt-shift-',
  5: 'ctrl-',
  6: 'ctrl-shift-',
  7: 'ctrl-alt-',
};

const CONTROL: Readonly<Record<string, string>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\u007f': 'backspace',
  '\b': 'backspace',
  '\u0000': 'ctrl-space',
  '\u001c': 'ctrl-\\',
  '\u001e': 'ctrl-6',
  '\u001f': 'ctrl-/',
};

export interface Decoded {
  readonly inputs: readonly (Input | 'hot-key')[];
  /** The beginning of a sequence whose end has not come yet. */
  readonly rest: string;
}

/** Decodes what came in one read. A sequence that is none becomes nothing: half of one must not be typed. */
export function decodeKeys(bytes: string): Decoded {
  const inputs: (Input | 'hot-key')[] = [];
  let at = 0;
  while (at < bytes.length) {
    const char = String.fromCodePoint(bytes.codePointAt(at) ?? 0);
    if (char === HOT_KEY) inputs.push('hot-key');
    else if (char === '\u001b') {
      const sequence = sequenceAt(bytes, at);
      if (sequence === 'unfinished') return { inputs, rest: bytes.slice(at) };
      if (sequence.key !== undefined) inputs.push({ key: sequence.key });
      at += sequence.length;
      continue;
    } else if (CONTROL[char] !== undefined) inputs.push({ key: CONTROL[char] });
    else if (char < ' ') inputs.push({ key: `ctrl-${String.fromCharCode(char.charCodeAt(0) + 0x60)}` });
    else inputs.push({ char });
    at += char.length;
  }
  return { inputs, rest: '' };
}

function sequenceAt(bytes: string, at: number): { readonly key?: string; readonly length: number } | 'unfinished' {
  const rest = bytes.slice(at);
  if (rest.length === 1 || rest.startsWith('\u001b\u001b')) return { key: 'esc', length: 1 };
  // oxlint-disable-next-line no-control-regex -- escape sequences begin with one
  const csi = /^\u001b(?:\[|O)([0-9;?]*)([@-Z\\^-~])/.exec(rest);
  if (csi) {
    const [whole, parameters = '', end = ''] = csi;
    const [number = '', modifier = ''] = parameters.split(';');
    const name = end === '~' ? BY_NUMBER[number] : BY_LETTER[end];
    return { ...(name !== undefined && { key: `${MODIFIERS[modifier] ?? ''}${name}` }), length: whole.length };
  }
  // oxlint-disable-next-line no-control-regex -- escape sequences begin with one
  if (/^\u001b[[O][0-9;?]*$/.test(rest)) return 'unfinished';
  // Alt with a key sends the key after an escape.
  const { inputs } = decodeKeys(rest.slice(1, 2));
  const [one] = inputs;
  if (one === undefined || one === 'hot-key') return { key: 'esc', length: 1 };
  return { key: `alt-${'char' in one ? one.char : one.key}`, length: 2 };
}
