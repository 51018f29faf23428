/** What most likely makes two builds of an image differ: the host's clock, and identifiers that a command draws at random. */
import { actsOf } from './conditions.ts';
import type { Finding } from './finding.ts';
import type { Path } from './problems.ts';
import type { Act, Recipe } from './types.ts';

export function randomFindings(recipe: Recipe): Finding[] {
  // What is not compared may differ.
  if ((recipe.outputs ?? []).length === 0) return [];
  return [...clockFindings(recipe), ...textsOf(recipe).flatMap(drawnFindings)];
}

function clockFindings({ base, reproducible }: Recipe): Finding[] {
  if (base !== undefined || reproducible?.clock !== undefined) return [];
  const what = 'the image is compared, but its clock is that of whoever builds: times will differ';
  const message = `${what}; add reproducible: { source_date_epoch: SECONDS, clock: fixed }, or say clock: host`;
  return [{ severity: 'warning', path: ['outputs'], message }];
}

interface Text {
  readonly path: Path;
  readonly step?: string;
  readonly text: string;
  /** What stands for an identifier there: placeholders are not replaced everywhere. */
  readonly fixed: string;
}

/** What is typed, served, or brought on a disk. What personalises is not measured. */
function textsOf({ steps, media = {} }: Recipe): Text[] {
  const sent = steps.flatMap((step, index) =>
    actsOf(step).flatMap((act): Text[] => {
      const text = sentBy(act);
      return text === undefined ? [] : [{ path: ['steps', index], step: step.id, text, fixed: '{{uuid:NAME}}' }];
    }),
  );
  const brought = Object.entries(media).flatMap(([name, medium]) =>
    Object.entries('files' in medium ? (medium.files ?? {}) : {}).map(([file, text]): Text => ({
      path: ['media', name, 'files', file],
      text,
      fixed: 'one that you have chosen',
    })),
  );
  return [...sent, ...brought];
}

function sentBy(act: Act): string | undefined {
  if ('type' in act) return act.type;
  if ('serial' in act) return act.serial;
  return 'serve' in act ? act.serve.content : undefined;
}

/** Commands that draw an identifier, unless an option gives it: mke2fs(8), mkswap(8), mkfs.xfs(8), mkfs.btrfs(8), mkfs.fat(8). */
const DRAWN: readonly { readonly command: RegExp; readonly given: RegExp; readonly option: string }[] = [
  { command: /\b(?:mke2fs|mkfs\.ext[234])\s/, given: /\s-U/, option: '-U' },
  { command: /\bmkswap\s/, given: /\s(?:-U|--uuid)/, option: '-U' },
  { command: /\bmkfs\.btrfs\s/, given: /\s(?:-U|--uuid)/, option: '-U' },
  { command: /\bmkfs\.xfs\s/, given: /\buuid=/, option: '-m uuid=' },
];

function drawnFindings({ path, step, text, fixed }: Text): Finding[] {
  for (const line of text.split('\n')) {
    if (/^\s*#/.test(line)) continue;
    const found = DRAWN.find(({ command, given }) => command.test(line) && !given.test(line));
    if (found === undefined) continue;
    const [name = ''] = found.command.exec(line) ?? [];
    const message = `${name.trim()} draws a UUID, which fstab and boot loaders write down: give it ${found.option} and ${fixed}`;
    return [{ severity: 'warning', path, ...(step !== undefined && { step }), message }];
  }
  return [];
}
