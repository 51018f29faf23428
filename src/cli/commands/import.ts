import path from 'node:path';
import { writeFileAtomic } from '../../node/atomic.ts';
import { importPacker } from '../../node/packer/index.ts';
import type { Verdict } from '../../recipe/packer/verdict.ts';
import type { Context } from '../context.ts';
import { printResult, table, wrap } from '../output.ts';
import { pairs } from '../pairs.ts';
import { refuseExisting, refuseOtherThanYaml } from '../recipe-file.ts';

export interface ImportFlags {
  readonly out?: string;
  readonly name?: string;
  readonly only?: string;
  readonly var?: string[];
  readonly varFile?: string[];
}

/** Writes a draft, and says of each part what became of it. Exit code 1 where nothing is left that could be done. */
export async function importTemplate(context: Context, source: string, flags: ImportFlags): Promise<number> {
  if (flags.out !== undefined) refuseOtherThanYaml(flags.out);
  const imported = await importPacker({
    source,
    name: flags.name,
    only: flags.only,
    given: pairs(flags.var ?? [], '--var'),
    variableFiles: flags.varFile ?? [],
    signal: context.signal,
  });
  const { draft, builder, verdicts, more, iso } = imported;
  const file = draft === undefined ? undefined : (flags.out ?? `${draft.recipe.name}.yaml`);
  if (file !== undefined && draft !== undefined) {
    await refuseExisting(file, 'Choose another name with --out.');
    await writeFileAtomic(file, draft.source, 0o644);
  }
  const result = { file, digest: draft?.digest, builder, parts: verdicts, more, iso };
  printResult(context, result, () => [
    `${builder} of ${source}:`,
    '',
    ...table(['became', 'part', 'why'], verdicts.map(row), COLUMNS),
    ...(more > 0 ? [`and ${more} more`] : []),
    '',
    ...wrap(summary(verdicts), COLUMNS),
    ...(file === undefined || draft === undefined ? [] : next(file, iso)),
  ]);
  return file === undefined ? 1 : 0;
}

const COLUMNS = 80;
/** Names are the author's: of a long one the beginning is shown. */
const PART_COLUMNS = 24;

function row({ outcome, what, place, why }: Verdict): string[] {
  const short = what.length > PART_COLUMNS ? `${what.slice(0, PART_COLUMNS - 1)}…` : what;
  return [
    outcome,
    short,
    [why, place === '' ? '' : `(${path.basename(place)})`].filter((part) => part !== '').join(' '),
  ];
}

function summary(verdicts: readonly Verdict[]): string {
  const count = (outcome: Verdict['outcome']): number => verdicts.filter((one) => one.outcome === outcome).length;
  return `${count('imported')} imported, ${count('partly')} partly, ${count('refused')} refused; idle is what changes nothing here.`;
}

function next(file: string, iso: { readonly url: string; readonly file: string } | undefined): string[] {
  return [
    `${file} is written: a draft that was never run.`,
    ...(iso === undefined
      ? []
      : ['Its ISO:', `  from    ${iso.url.slice(0, 200)}`, `  put at  ${path.join(path.dirname(file), iso.file)}`]),
    'Next, once, so that its waits become checks:',
    `  portalgun recipe harvest ${file}`,
  ];
}
