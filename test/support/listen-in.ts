/**
 * Loaded into a node's own process before anything else (`node --import`): keeps every byte that noise is given to encrypt,
 * in the file `LISTEN_IN`. So a test sees all that a real node sends, as nobody on its wire can.
 */
import crypto from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';

const file = process.env['LISTEN_IN'];
if (file === undefined) throw new Error('LISTEN_IN names the file that is written to');
const keep = (bytes: Uint8Array): void => appendFileSync(file, bytes);

// Noise encrypts what is large with Node's ChaCha20, and what is small with one in WebAssembly.
const createCipheriv = crypto.createCipheriv.bind(crypto);
const listening = (...given: Parameters<typeof crypto.createCipheriv>): crypto.Cipheriv => {
  const cipher = createCipheriv(...given);
  if (given[0] !== 'chacha20-poly1305') return cipher;
  const update = cipher.update.bind(cipher);
  return Object.assign(cipher, {
    update(data: Uint8Array) {
      keep(data);
      return update(data);
    },
  });
};
Object.assign(crypto, { createCipheriv: listening });
syncBuiltinESMExports();

interface Small {
  seal: (this: Small, key: Uint8Array, nonce: Uint8Array, text: Uint8Array, data: Uint8Array) => Uint8Array;
}
const ofNoise = createRequire(import.meta.resolve('@chainsafe/libp2p-noise'));
const { ChaCha20Poly1305 } = ofNoise('@chainsafe/as-chacha20poly1305') as { ChaCha20Poly1305: { prototype: Small } };
const { seal } = ChaCha20Poly1305.prototype;
ChaCha20Poly1305.prototype.seal = function listen(key, nonce, text, data) {
  keep(text);
  return seal.call(this, key, nonce, text, data);
};
