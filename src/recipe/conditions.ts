/** Walking conditions and acts, and saying them in words for people. */
import { DEFAULT_PIXEL_WITHIN, DEFAULT_PRESSES } from './limits.ts';
import { regexMatchesAnything, textMatchesAnything } from './regex.ts';
import type {
  Act,
  Condition,
  OcrPattern,
  PixelPattern,
  Place,
  Recipe,
  ServedFile,
  Step,
  TextPattern,
} from './types.ts';

const POINTER_ACTS = ['click', 'double_click', 'drag', 'move'] as const;
const KEYBOARD_ACTS = ['type', 'keys', 'key', 'hold', 'release', 'menu', 'check', 'uncheck', 'layout'] as const;
const ACT_NAMES = [...KEYBOARD_ACTS, ...POINTER_ACTS, 'serial', 'serve', 'insert', 'eject', 'power'] as const;
export type ActName = (typeof ACT_NAMES)[number];

const CONDITION_NAMES = [
  'text',
  'serial',
  'needle',
  'ocr',
  'pixel',
  'gone',
  'still',
  'changed',
  'event',
  'fetched',
  'any',
  'all',
  'not',
] as const;
export type ConditionName = (typeof CONDITION_NAMES)[number];

export function conditionName(condition: Condition): ConditionName {
  const name = CONDITION_NAMES.find((candidate) => candidate in condition);
  if (name === undefined) throw new TypeError('a condition without a kind was not checked');
  return name;
}

export function actName(act: Act): ActName {
  const name = ACT_NAMES.find((candidate) => candidate in act);
  if (name === undefined) throw new TypeError('an act without a kind was not checked');
  return name;
}

/** The conditions directly inside one. */
export function partsOf(condition: Condition): readonly Condition[] {
  if ('gone' in condition) return [condition.gone];
  if ('not' in condition) return [condition.not];
  if ('any' in condition) return condition.any;
  if ('all' in condition) return condition.all;
  return [];
}

/** The condition and all inside it, outermost first. */
export function eachCondition(condition: Condition): Condition[] {
  return [condition, ...partsOf(condition).flatMap(eachCondition)];
}

export interface PlacedCondition {
  /** `when`, `expect`, `first_of[0].when`: for people. */
  readonly where: string;
  /** The same from the step on, as fields and positions. */
  readonly path: readonly (string | number)[];
  readonly condition: Condition;
}

/** Every condition a step names, outermost only, in the order in which they are waited for. */
export function conditionsOf(step: Step): PlacedCondition[] {
  const { first_of: branches = [], prompts, repeat } = step;
  return [
    ...placed(['when'], step.when),
    ...branches.flatMap(({ when }, index) => placed(['first_of', index, 'when'], when)),
    ...(prompts?.table ?? []).flatMap(({ when }, index) => placed(['prompts', 'table', index, 'when'], when)),
    ...placed(['prompts', 'until'], prompts?.until),
    ...placed(['repeat', 'until'], repeat?.until),
    ...branches.flatMap(({ expect }, index) => placed(['first_of', index, 'expect'], expect)),
    ...placed(['expect'], step.expect),
  ];
}

function placed(path: PlacedCondition['path'], condition: Condition | undefined): PlacedCondition[] {
  if (condition === undefined) return [];
  const where = path.reduce<string>(
    (text, part) => text + (typeof part === 'number' ? `[${part}]` : text === '' ? part : `.${part}`),
    '',
  );
  return [{ where, path, condition }];
}

/** Acts that are done one after the other, at one place of a step. */
export interface ActList {
  readonly path: readonly (string | number)[];
  readonly acts: readonly Act[];
  /** Only one of several lists is done, or none: nothing after them may rely on it. */
  readonly branch: boolean;
}

export function actListsOf(step: Step): ActList[] {
  const list = (path: ActList['path'], acts: readonly Act[] | undefined, branch: boolean): ActList[] =>
    acts === undefined ? [] : [{ path: [...path, 'do'], acts, branch }];
  return [
    ...list([], step.do, false),
    ...(step.first_of ?? []).flatMap((branch, index) => list(['first_of', index], branch.do, true)),
    ...(step.prompts?.table ?? []).flatMap((prompt, index) => list(['prompts', 'table', index], prompt.do, true)),
  ];
}

/** Every act of a step, those of its branches and answers included. */
export function actsOf(step: Step): Act[] {
  return actListsOf(step).flatMap(({ acts }) => acts);
}

/** The step with every condition and act list changed. */
export function mapStep(
  step: Step,
  change: { readonly condition: (condition: Condition) => Condition; readonly act: (act: Act) => Act },
): Step {
  const { condition, act } = change;
  const acts = (list: readonly Act[]): Act[] => list.map(act);
  return {
    ...step,
    ...(step.when && { when: condition(step.when) }),
    ...(step.do && { do: acts(step.do) }),
    ...(step.repeat && { repeat: { ...step.repeat, until: condition(step.repeat.until) } }),
    ...(step.first_of && {
      first_of: step.first_of.map((branch) => ({
        ...branch,
        when: condition(branch.when),
        ...(branch.do && { do: acts(branch.do) }),
        ...(branch.expect && { expect: condition(branch.expect) }),
      })),
    }),
    ...(step.prompts && {
      prompts: {
        table: step.prompts.table.map((prompt) => ({
          ...prompt,
          when: condition(prompt.when),
          do: acts(prompt.do),
        })),
        until: condition(step.prompts.until),
      },
    }),
    ...(step.expect && { expect: condition(step.expect) }),
  };
}

/** Every place that an act points at. */
export function placesOf(act: Act): readonly Place[] {
  if ('click' in act) return [act.click];
  if ('double_click' in act) return [act.double_click];
  if ('move' in act) return [act.move];
  return 'drag' in act ? [act.drag.from, act.drag.to] : [];
}

/** A machine has a pointer only where its recipe uses one: it is part of what a checkpoint's key is made of. */
export function usesPointer(recipe: Recipe, part: 'steps' | 'personalise'): boolean {
  return (recipe[part] ?? []).some((step) => actsOf(step).some((act) => placesOf(act).length > 0));
}

/** The files that are served once these steps are done, each as it was served last. Never in a branch: it is known beforehand. */
export function servedBy(steps: readonly Step[]): ServedFile[] {
  const served = steps.flatMap(actsOf).flatMap((act) => ('serve' in act ? [act.serve] : []));
  return [...new Map(served.map((one) => [one.file, one])).values()];
}

/** Where the guest may go, through the proxy. An image that is personalised goes nowhere. */
export function allowedPlaces({ machine }: Recipe): readonly string[] {
  return typeof machine?.network === 'object' ? machine.network.allow : [];
}

/** A machine has a network only where its recipe uses one: it is part of what a checkpoint's key is made of. */
export function usesNetwork(recipe: Recipe, part: 'steps' | 'personalise'): boolean {
  return servedBy(recipe[part] ?? []).length > 0 || (part === 'steps' && allowedPlaces(recipe).length > 0);
}

/** True where the machine is off once the step is done. */
export function switchesOff(step: Step): boolean {
  return (
    actsOf(step).some((act) => 'power' in act && act.power === 'off') ||
    (step.expect !== undefined && 'event' in step.expect && step.expect.event === 'shutdown')
  );
}

/** Names of the needles that a recipe looks for or points at, anywhere. */
export function needlesUsed({ steps, personalise = [], watch = [] }: Recipe): ReadonlySet<string> {
  return new Set([
    ...[...steps, ...personalise].flatMap(needlesOfStep),
    ...watch.flatMap(({ when }) => needlesIn(when)),
  ]);
}

/** Names of the needles that a step looks for or points at; one may be there several times. */
export function needlesOfStep(step: Step): string[] {
  const acts = actsOf(step);
  const ends = acts.flatMap((act) => ('key' in act && act.until ? [act.until] : []));
  const conditions = conditionsOf(step).map(({ condition }) => condition);
  const places = acts.flatMap(placesOf).flatMap((place) => ('needle' in place ? [place.needle] : []));
  return [...[...conditions, ...ends].flatMap(needlesIn), ...places];
}

/** Names of the needles that a condition looks for, in it and in all inside it. */
export function needlesIn(condition: Condition): string[] {
  return eachCondition(condition).flatMap((part) => ('needle' in part ? [part.needle] : []));
}

/** What a text condition looks for: exactly one of a string and a regular expression. */
export function textOf(text: string | TextPattern): { readonly string: string } | { readonly regex: string } {
  if (typeof text === 'string') return { string: text };
  if (text.string !== undefined) return { string: text.string };
  return { regex: text.regex ?? '' };
}

/**
 * Literal texts whose appearance can satisfy a condition, for the engine's "nearest line" and for lint: strings of
 * `text` and `serial`, those inside `any` and `all` too, but not what must be absent.
 */
export function textsMentioned(condition: Condition): string[] {
  if ('gone' in condition || 'not' in condition) return [];
  if ('text' in condition) {
    const text = textOf(condition.text);
    return 'string' in text ? [text.string] : [];
  }
  if ('serial' in condition) return typeof condition.serial === 'string' ? [condition.serial] : [];
  return partsOf(condition).flatMap(textsMentioned);
}

/**
 * True where a condition says (nearly) nothing: it holds on almost any screen, or as soon as anything moves. `gone` and
 * `not` are of this kind where what they exclude never is there, which cannot be known: they count as telling here,
 * and classify.ts treats every new one as a change of authority.
 */
export function matchesAnything(condition: Condition): boolean {
  switch (conditionName(condition)) {
    case 'text': {
      const { text } = condition as Extract<Condition, { text: unknown }>;
      const wanted = textOf(text);
      return 'string' in wanted ? textMatchesAnything(wanted.string) : regexMatchesAnything(wanted.regex);
    }
    case 'serial': {
      const { serial } = condition as Extract<Condition, { serial: unknown }>;
      return typeof serial === 'string' ? textMatchesAnything(serial) : regexMatchesAnything(serial.regex);
    }
    case 'ocr':
      return ocrMatchesAnything((condition as Extract<Condition, { ocr: unknown }>).ocr);
    case 'pixel':
      return pixelMatchesAnything((condition as Extract<Condition, { pixel: unknown }>).pixel);
    case 'still':
    case 'changed':
      return true;
    case 'any':
      return partsOf(condition).some(matchesAnything);
    case 'all':
      return partsOf(condition).every(matchesAnything);
    default:
      return false;
  }
}

/** Characters that may be recognised wrongly where the recipe does not say: one in eight. */
export function ocrDistance({ text, distance }: OcrPattern): number {
  return distance ?? Math.floor(text.length / 8);
}

function ocrMatchesAnything(ocr: OcrPattern): boolean {
  return textMatchesAnything(ocr.text) || ocrDistance(ocr) * 3 > ocr.text.replaceAll(/\s/g, '').length;
}

/** A colour that an empty screen has, or so vague that every other screen has it. */
function pixelMatchesAnything({ colour, within = DEFAULT_PIXEL_WITHIN }: PixelPattern): boolean {
  const channels = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  return within > 64 || channels.every((channel) => channel <= Math.max(within, 16));
}

/** `the text "Select your location"`. For people; never for comparing. */
export function describeCondition(condition: Condition): string {
  if ('text' in condition) return describeText(condition.text);
  if ('serial' in condition) {
    const { serial } = condition;
    return typeof serial === 'string'
      ? `${quoted(serial)} on the serial console`
      : `text like /${serial.regex}/ on the serial console`;
  }
  if ('needle' in condition) return `the needle ${quoted(condition.needle)}`;
  if ('ocr' in condition) return describeOcr(condition.ocr);
  if ('pixel' in condition) {
    const { at, colour, within = DEFAULT_PIXEL_WITHIN } = condition.pixel;
    return `the colour ${colour} (each channel within ${within}) at ${at.join(', ')}`;
  }
  if ('gone' in condition) return `${describeCondition(condition.gone)} gone`;
  if ('not' in condition) return `no sign of ${describeCondition(condition.not)}`;
  if ('still' in condition) return `a screen that is still for ${condition.still}`;
  if ('changed' in condition) return 'any change of the screen';
  if ('event' in condition) return condition.event === 'shutdown' ? 'the machine switched off' : 'the machine reset';
  if ('fetched' in condition) return `the guest has fetched ${quoted(condition.fetched)}`;
  if ('any' in condition) return condition.any.map(describeCondition).join(', or ');
  return condition.all.map(describeCondition).join(', and ');
}

function describeOcr(ocr: OcrPattern): string {
  const [x, y, width, height] = ocr.area;
  return `the recognised text ${quoted(ocr.text)} (at most ${ocrDistance(ocr)} wrong) in the ${width} by ${height} pixels at ${x}, ${y}`;
}

function describeText(text: string | TextPattern): string {
  const wanted = textOf(text);
  const what = 'string' in wanted ? `the text ${quoted(wanted.string)}` : `text like /${wanted.regex}/`;
  if (typeof text === 'string') return what;
  const where = [
    text.style === 'inverse' ? ' highlighted' : '',
    text.line === undefined ? '' : ` on row ${text.line}`,
    text.area === undefined
      ? ''
      : ` within columns ${text.area[0]} to ${text.area[0] + text.area[2] - 1}, rows ${text.area[1]} to ${text.area[1] + text.area[3] - 1}`,
  ];
  return what + where.join('');
}

/** `type "ls"`, `press enter`, `choose "English"`. For people. */
export function describeAct(act: Act): string {
  if ('type' in act) {
    return `type ${quoted(act.type)}${act.clear === true ? ' in place of what is there' : ''}${act.echo === false ? ' (not shown)' : ''}`;
  }
  if ('key' in act)
    return act.until === undefined ? `press ${act.key}` : describeRepeated(act.key, act.until, act.at_most);
  if ('keys' in act) return `press ${act.keys.join(', ')}`;
  if ('hold' in act) return `hold ${act.hold} down`;
  if ('release' in act) return `release ${act.release}`;
  if ('menu' in act) return `choose ${quoted(act.menu)}`;
  if ('check' in act) return `tick ${quoted(act.check)}`;
  if ('uncheck' in act) return `untick ${quoted(act.uncheck)}`;
  if ('click' in act) return `${clickWith(act.button)} ${describePlace(act.click)}`;
  if ('double_click' in act) return `double-${clickWith(act.button)} ${describePlace(act.double_click)}`;
  if ('move' in act) return `hover ${describePlace(act.move)}`;
  if ('drag' in act)
    return `press the button ${describePlace(act.drag.from)}, drag, let go ${describePlace(act.drag.to)}`;
  if ('layout' in act) return `type on the keyboard layout "${act.layout}" from here on`;
  if ('serial' in act) return `write ${quoted(act.serial)} to the serial console`;
  if ('serve' in act)
    return `serve the guest the file ${quoted(act.serve.file)} (${Buffer.byteLength(act.serve.content)} bytes)`;
  if ('insert' in act) return `insert the medium ${quoted(act.insert)}`;
  if ('eject' in act) return `empty the ${act.eject === 'cd' ? 'CD' : 'floppy'} drive`;
  return act.power === 'off' ? 'switch the machine off' : 'reset the machine';
}

function describeRepeated(key: string, until: Condition, atMost: number | undefined): string {
  return `press ${key}, at most ${atMost ?? DEFAULT_PRESSES} times, until there is ${describeCondition(until)}`;
}

function clickWith(button: 'left' | 'middle' | 'right' = 'left'): string {
  return button === 'left' ? 'click' : `click the ${button} button`;
}

/** `on the text "Continue"`, `at 512, 384`. */
export function describePlace(place: Place): string {
  const [right, down] = place.offset ?? [0, 0];
  const beside = place.offset === undefined ? '' : `, ${right} pixels to the right and ${down} down`;
  if ('at' in place) return `at ${place.at.join(', ')}${beside}`;
  return `on ${'needle' in place ? `the needle ${quoted(place.needle)}` : describeText(place.text)}${beside}`;
}

/** JSON's quotes: a line break in a serial act shows as \n. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
