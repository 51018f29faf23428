/** Private groups in the policy file. */
import { randomBytes } from 'node:crypto';
import { UsageError } from '../../errors.ts';
import { addPrivateGroup } from '../../exchange/trust/index.ts';
import { heldBack } from '../groups.ts';
import type { Session } from '../session.ts';
import type { Arguments } from './arguments.ts';
import { peerName } from './peers.ts';

const SCOPE_BYTES = 16;

/** With a new id where none is given: whoever makes the group sends that to the others. */
export async function add(session: Session, args: Arguments): Promise<unknown> {
  const name = args.text('name');
  const scope = args.optionalText('scope') ?? randomBytes(SCOPE_BYTES).toString('hex');
  const members: string[] = [];
  for (const member of args.texts('members')) members.push(await peerName(session, member));
  if (members.length === 0) {
    throw new UsageError('group/nobody', 'a private group needs somebody else in it', {
      hint: 'Name them: --member PEER (portalgun peer list shows whom you know).',
    });
  }
  await session.policy.edit((text) => addPrivateGroup(text, name, { scope, members }));
  await session.exchange?.sync();
  return { name, scope, members };
}

export async function list(session: Session): Promise<unknown> {
  const { peers, private: groups } = await session.policy.current();
  const listed = Object.entries(groups).map(async ([name, { scope, members }]) => {
    const held = members.map(async (member) => {
      const author = peers[member]?.id;
      return { member, why: author === undefined ? null : await heldBack(session, author, scope) };
    });
    const heldBackNow = (await Promise.all(held)).filter(({ why }) => why !== null);
    return { name, scope, members, ...(heldBackNow.length > 0 && { heldBack: heldBackNow }) };
  });
  return Promise.all(listed);
}
