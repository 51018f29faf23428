import { connect } from '../../node/connect.ts';
import { latestBuildOf } from '../../node/build-records.ts';
import type { ManifestDifference } from '../../workshop/image/index.ts';
import type { Context } from '../context.ts';
import { columns, note, paint, printResult, table, type Colour } from '../output.ts';

interface Verdict {
  readonly peer: string;
  readonly verdict: string;
  readonly because: string;
  readonly shared: readonly string[];
  readonly differences?: readonly ManifestDifference[];
  readonly differenceCount?: number;
  readonly differencesUnknown?: string;
}

interface Answer {
  readonly recipe: string;
  readonly manifest: string;
  readonly verdicts: readonly Verdict[];
  readonly quorum: {
    readonly result: string;
    readonly because: readonly string[];
    readonly missing: readonly string[];
  };
}

const COLOUR: Readonly<Record<string, Colour>> = { match: 'green', differs: 'red', failed: 'red' };

/** Exit code 4 where any configured peer's build differs. */
export async function crosscheck(context: Context, recipe: string, flags: { peer?: string }): Promise<number> {
  const build = await latestBuildOf(context.home, recipe);
  const home = await connect(context.home);
  if (!home.live)
    note(context, 'No node runs for this home: comparing with what is already stored (portalgun node start).');
  const answer = await home.call<Answer>('crosscheck', { build: build.id, peer: flags.peer }, context.signal);
  printResult(context, answer, () => describe(context, answer, build.recipeName));
  return answer.verdicts.some(({ verdict }) => verdict === 'differs') ? 4 : 0;
}

function describe(context: Context, answer: Answer, recipeName: string): string[] {
  if (answer.verdicts.length === 0)
    return ['There is nobody to compare with. Add a peer: portalgun peer add INVITATION'];
  const rows = answer.verdicts.map(({ peer, verdict, because }) => [peer, verdict, because]);
  const [header = '', ...lines] = table(['peer', 'verdict', 'because'], rows, columns(context));
  const painted = lines.map((line, index) => {
    const verdict = answer.verdicts[index]?.verdict ?? '';
    const colour = COLOUR[verdict];
    return colour ? line.replace(verdict, paint(context, 'stdout', colour, verdict)) : line;
  });
  return [
    `${recipeName}: manifest ${answer.manifest}`,
    '',
    header,
    ...painted,
    ...answer.verdicts.flatMap(detail),
    ...(answer.quorum.result === 'no-rule'
      ? []
      : ['', `quorum: ${answer.quorum.result}`, ...answer.quorum.because.map((line) => `  ${line}`)]),
  ];
}

function detail(verdict: Verdict): string[] {
  const lines: string[] = [];
  if (verdict.verdict === 'match' && verdict.shared.length > 0) {
    lines.push(
      '',
      `${verdict.peer} built under equal conditions (${verdict.shared.join(', ')}): a fault there would be shared.`,
    );
  }
  if (verdict.differencesUnknown !== undefined) lines.push('', verdict.differencesUnknown);
  if (verdict.differences) {
    lines.push('', `${verdict.differenceCount} entries differ from ${verdict.peer}’s:`);
    lines.push(...verdict.differences.map((one) => `  ${one.path}: ${howItDiffers(one, verdict.peer)}`));
  }
  return lines;
}

function howItDiffers(difference: ManifestDifference, peer: string): string {
  if (difference.where === 'only-in-a') return 'only in yours';
  if (difference.where === 'only-in-b') return `only in ${peer}’s`;
  return `${difference.changes.join(', ')} differ${difference.changes.length === 1 ? 's' : ''}`;
}
