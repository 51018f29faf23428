/** Whom blobs of this home are shown to. */
import assert from 'node:assert/strict';
import { sha256 } from '../../src/crypto/digest.ts';
import { attestationDraft } from '../../src/exchange/record/index.ts';
import { blobsInView, hasAttested } from '../../src/node/blobs-in-view.ts';
import { openHome } from '../../src/node/home.ts';
import { createIdentity } from '../../src/node/identity-files.ts';
import { openSession, signerOf } from '../../src/node/session.ts';
import { attestationOf } from '../exchange/record/attested.ts';
import { withHomes } from '../support/temp-home.ts';
import { Peer } from './peers-records.ts';

describe('a blob', () => {
  it('threat 29: is shown, and a challenge answered, for what others have published, not for what the asker says', () =>
    withHomes(1, async ({ home }) => {
      await openHome(home);
      await createIdentity(home);
      const session = await openSession(home);
      try {
        const [bob, carol] = [new Peer(2), new Peer(3)];
        const manifest = sha256('not published here');
        const maySee = blobsInView(session);
        const draft = attestationDraft(attestationOf({ manifest }));
        assert.equal(await maySee(bob.id, manifest), false);
        await bob.publish(session, draft);
        assert.equal(await maySee(bob.id, manifest), false, 'his own word for it is no reason');
        assert.equal(await maySee(carol.id, manifest), true);
        assert.equal(await hasAttested(session, session.identity.author, manifest), false);
        await session.store.append(await signerOf(session), 'public', draft);
        assert.equal(await maySee(bob.id, manifest), true);
        assert.equal(await hasAttested(session, session.identity.author, manifest), true);
      } finally {
        await session.close();
      }
    }));
});
