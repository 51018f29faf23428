/** What a simulated node would decide about every patch that it has, by the node's own functions. */
import type { AuthorId } from '../../src/exchange/record/index.ts';
import { decide, parsePolicy, voicesFor, type Decision } from '../../src/exchange/trust/index.ts';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { allOf, stalenessAt, voiceRecords } from '../../src/node/knowledge.ts';
import type { SimNode } from './node.ts';
import type { World } from './world.ts';

/** Everybody whom it follows may change wording by themselves: as much as any policy can leave to others. */
function trusting(node: SimNode) {
  const names = node.options.follows.map((id, number) => `  p${number}: { id: "${id}" }`);
  const everybody = node.options.follows.map((_, number) => `p${number}`).join(', ');
  const rule = `  - { recipes: ["*/*"], patches: { wording: { apply: auto, when: { k: 1, of: [${everybody}] } } } }`;
  return parsePolicy(`peers:\n${names.join('\n')}\nrules:\n${rule}\n`, 'policy.yaml');
}

export interface Decided extends Decision {
  readonly author: AuthorId;
  readonly seq: number;
}

/** By record id. */
export async function decisionsOf(world: World, node: SimNode): Promise<Map<string, Decided>> {
  const policy = trusting(node);
  const knower = {
    store: node.store,
    identity: { author: node.author, recoveryPublicKey: publicKeyOf(node.options.seed), keys: [] },
    policy: {
      path: '',
      current: async () => policy,
      last: () => policy,
      text: async () => '',
      edit: async () => policy,
    },
    now: () => new Date(world.now),
  };
  const [others, isStale, patches] = [
    await voiceRecords(knower),
    await stalenessAt(knower),
    await allOf(knower, 'patch'),
  ];
  const decided = new Map<string, Decided>();
  for (const patch of patches) {
    const { author, seq } = patch.record.link;
    const decision = decide(policy, {
      about: 'patch',
      record: patch.record.id,
      recipeAuthor: author,
      recipeName: patch.meaning.recipeName,
      recordAuthor: author,
      changeClass: 'wording',
      voices: voicesFor(patch, others, isStale),
      self: node.author,
    });
    decided.set(patch.record.id, { ...decision, author, seq });
  }
  return decided;
}
