/** Two recoveries of one feed, and what its person, or its owner, is to do about them. */
import { shortDigest } from '../crypto/digest.ts';
import type { Rivals } from '../node/rivals.ts';

/** For a follower; `name`: what they call the author. */
export function rivalLines(name: string, rivals: Rivals | null): string[] {
  if (rivals === null) return [];
  const { recoveries, chosen } = rivals;
  if (chosen !== null) {
    return [
      'rivals   two recoveries by one recovery key; what counts here was chosen.',
      ...recoveries.map(({ record, stored }) => `  ${shortDigest(record)} ${stored ? 'counts' : 'is void'} here`),
    ];
  }
  return [
    'FROZEN   two recoveries were made with one recovery key: somebody has a copy.',
    `         Ask ${name}, in another way than this, which one is theirs. Then:`,
    ...recoveries.map(({ record }) => `  portalgun peer choose ${name} ${shortDigest(record)}`),
  ];
}

/** For the owner. */
export function ownRivalLines(rivals: Rivals | null): string[] {
  if (rivals === null) return [];
  if (rivals.chosen === null) return rivalLines('me', rivals);
  const mine = rivals.recoveries.find(({ stored }) => stored)?.record;
  return [
    'rivals    somebody else has made a recovery of this feed with your recovery key.',
    ...(mine === undefined
      ? []
      : [
          '          Your feed goes on; whoever has seen both must choose. Tell them yours:',
          `          portalgun peer choose YOU ${shortDigest(mine)}`,
        ]),
  ];
}
