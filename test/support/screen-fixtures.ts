/**
 * Screens of real boots (test/fixtures/screens, made by scripts/capture-screens.ts). Fonts are not among them: they are
 * learned from what draws them, the VGA BIOS of Debian's seabios, and the kernel and the installer of its netboot package.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { KEYS_FOLDER } from '../../src/node/keys-folder.ts';
import { decodePicture } from '../../src/picture/index.ts';
import type { Picture } from '../../src/picture/types.ts';
import { parseRecipe, resolveRecipe } from '../../src/recipe/index.ts';
import { prepareMedia, readInitrdFile } from '../../src/workshop/media/index.ts';
import { fontInFile } from '../../src/workshop/screen/font-file.ts';
import { parseBgf } from '../../src/workshop/screen/index.ts';
import type { Font } from '../../src/workshop/screen/types.ts';
import { TEST_CACHE } from './test-cache.ts';

export const FIXTURES = path.resolve(import.meta.dirname, '../fixtures/screens');
export const VGA_BIOS = '/usr/share/seabios/vgabios-stdvga.bin';

const IMAGES = 'usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64';
export const INSTALLER_MEDIA =
  `{ kernel: { package: debian-installer-12-netboot-amd64, path: ${IMAGES}/linux }, ` +
  `initrd: { package: debian-installer-12-netboot-amd64, path: ${IMAGES}/initrd.gz } }`;

export type FontName = 'vgabios' | 'kernel' | 'installer';

export interface ScreenFixture extends Picture {
  readonly font: FontName;
  /** Who reports the text: the adapter's text memory, the serial line (some lines of the screen), or nobody but our own reading. */
  readonly by: 'vga' | 'serial' | 'reading';
  readonly columns: number;
  readonly rows: number;
  /** Without blanks at their ends. */
  readonly lines: readonly string[];
  fonts(): Promise<Font[]>;
}

export async function screenFixture(name: string): Promise<ScreenFixture> {
  const facts = JSON.parse(await readFile(path.join(FIXTURES, `${name}.json`), 'utf8')) as Omit<
    ScreenFixture,
    keyof Picture
  >;
  const picture = decodePicture(await readFile(path.join(FIXTURES, `${name}.png`)), name);
  return { ...facts, ...picture, fonts: () => fontsNamed(facts.font) };
}

export function hasVgaBios(): boolean {
  return existsSync(VGA_BIOS);
}

async function fontsNamed(name: FontName): Promise<Font[]> {
  if (name === 'vgabios') return [await fontInFile(await readFile(VGA_BIOS), 'vgabios')];
  return installerFonts(name);
}

/** Of Debian's installer: its kernel's font, or the one that it draws its dialogs with. */
export async function installerFonts(name: 'kernel' | 'installer'): Promise<Font[]> {
  const { kernel, initrd } = await installer();
  if (name === 'kernel') return [await fontInFile(await readFile(kernel), 'kernel')];
  const font = await readInitrdFile(initrd, 'lib/unifont.bgf');
  if (font === undefined) throw new Error('the installer has no font');
  return [parseBgf(font)];
}

/** What a question of Debian's installer says at length, in English: the description of this debconf template (debconf-devel(7)). */
export async function installerQuestion(template: string): Promise<string> {
  const { initrd } = await installer();
  const file = await readInitrdFile(initrd, `var/lib/dpkg/info/${template.split('/')[0]}.templates`);
  const stanza = Buffer.from(file ?? [])
    .toString()
    .split('\n\n')
    .find((one) => one.startsWith(`Template: ${template}\n`));
  const [, short = '', long = ''] = /^Description: (.*)((?:\n .*)*)/m.exec(stanza ?? '') ?? [];
  return (long === '' ? short : long).replaceAll(/\s+/g, ' ').trim();
}

interface Installer {
  readonly kernel: string;
  readonly initrd: string;
}

let prepared: Promise<Installer> | undefined;

/** Its kernel and its first root, verified as in a build; once a process. */
function installer(): Promise<Installer> {
  prepared ??= prepare();
  return prepared;
}

async function prepare(): Promise<Installer> {
  const source = [
    'recipe: 1',
    'name: installer',
    'version: 1.0.0',
    `media: ${INSTALLER_MEDIA}`,
    'machine: { arch: x86_64, memory: 256M }',
    'steps: [{ id: none, expect: { text: nothing } }]',
  ];
  const { kernel, initrd } = await prepareMedia({
    recipe: resolveRecipe(parseRecipe(source.join('\n'))),
    recipeDir: FIXTURES,
    cacheDir: TEST_CACHE,
    keysDir: KEYS_FOLDER,
    clock: () => new Date(),
    signal: AbortSignal.timeout(240_000),
  });
  if (!kernel || !initrd) throw new Error('unreachable: the recipe names both');
  return { kernel: kernel.path, initrd: initrd.path };
}
