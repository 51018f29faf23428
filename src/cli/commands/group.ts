import { connect } from '../../node/connect.ts';
import type { HeldBack } from '../../node/groups.ts';
import type { Context } from '../context.ts';
import { printResult, table } from '../output.ts';

interface Group {
  readonly name: string;
  readonly scope: string;
  readonly members: readonly string[];
  readonly heldBack?: readonly { readonly member: string; readonly why: HeldBack }[];
}

export async function add(
  context: Context,
  name: string,
  flags: { member: string[]; scope?: string },
): Promise<undefined> {
  const home = await connect(context.home);
  const args = { name, members: flags.member, scope: flags.scope };
  const group = await home.call<Group>('group.add', args, context.signal);
  printResult(context, group, ({ scope, members }) => [
    `${name} is you, ${members.join(', ')}.`,
    'Each of the others adds it too, with the same id and their own names for its members:',
    `  portalgun group add ${name} --scope ${scope} --member …`,
  ]);
  return undefined;
}

export async function list(context: Context): Promise<undefined> {
  const home = await connect(context.home);
  const groups = await home.call<Group[]>('group.list', {}, context.signal);
  printResult(context, groups, () =>
    groups.length === 0
      ? 'You are in no private group. Make one: portalgun group add NAME --member PEER'
      : [
          ...table(
            ['group', 'id', 'members'],
            groups.map(({ name, scope, members }) => [name, scope, ['me', ...members].join(', ')]),
          ),
          ...groups.flatMap(heldBackLines),
        ],
  );
  return undefined;
}

const WHY: Readonly<Record<HeldBack, string>> = {
  'key-changed': 'their key was changed, and the new one has not said which records here stay',
  revoked: 'their key was revoked, and there is no new one yet',
  frozen: 'it is not known which key is theirs (portalgun peer show NAME)',
};

function heldBackLines({ name, heldBack = [] }: Group): string[] {
  return heldBack.flatMap(({ member, why }) => [`${name}: nothing of ${member} is shown for now:`, `  ${WHY[why]}`]);
}
