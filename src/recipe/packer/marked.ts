/**
 * Values that a template leaves to whoever builds, inside its texts. A variable without a value stands in a text as a
 * marker of two private characters around its name, so that it can be put together with other texts and found again; a
 * marker of a secret is another one. Files with such characters are refused before anything is evaluated.
 */
import { NotPure } from './not-pure.ts';

const [OPEN, CLOSE, OPEN_SECRET, CLOSE_SECRET] = ['\uE000', '\uE001', '\uE002', '\uE003'];

export function hasMarkerCharacters(text: string): boolean {
  return /[\uE000-\uE003]/.test(text);
}

export function parameterMarker(name: string): string {
  return `${OPEN}${name}${CLOSE}`;
}

export function secretMarker(name: string): string {
  return `${OPEN_SECRET}${name}${CLOSE_SECRET}`;
}

export interface Marker {
  readonly marker: string;
  readonly name: string;
  readonly secret: boolean;
}

export function markersIn(text: string): Marker[] {
  return [...text.matchAll(/([\uE000\uE002])([^\uE000-\uE003]*)[\uE001\uE003]/g)].map(([marker, open, name = '']) => ({
    marker,
    name,
    secret: open === OPEN_SECRET,
  }));
}

/** The text as recipes have it: `{{name}}`. Throws `NotPure` where it holds a secret, or braces of its own. */
export function placeholders(text: string): string {
  const markers = markersIn(text);
  const secret = markers.find((marker) => marker.secret);
  if (secret !== undefined) {
    throw new NotPure(
      `it types the sensitive variable ${secret.name}: a build with a secret in it cannot be compared; give a public value with --var`,
    );
  }
  if (text.includes('{{')) throw new NotPure('double braces cannot be typed by a recipe');
  return markers.reduce((rest, { marker, name }) => rest.replaceAll(marker, `{{${parameterName(name)}}}`), text);
}

/** Throws `NotPure` where a value is not known: only what is typed can be a parameter. */
export function known(text: string): string {
  const [marker] = markersIn(text);
  if (marker !== undefined) throw new NotPure(`it needs the value of ${marker.name}: give --var ${marker.name}=VALUE`);
  return text;
}

/** Recipes call parameters in lower case, and by a letter first. */
export function parameterName(variable: string): string {
  const name = variable.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_');
  return /^[a-z]/.test(name) ? name : `v${name}`;
}
