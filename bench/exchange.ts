/** What the exchange costs: admission, catching up, publishing, and holding many records. */
import { benchAdmission } from './exchange/admission.ts';
import { benchCatchUp } from './exchange/catch-up.ts';
import { benchPublish } from './exchange/publish.ts';
import type { Figure } from './figure.ts';

export async function benchExchange(): Promise<Figure[]> {
  return [...(await benchAdmission()), ...(await benchCatchUp()), ...(await benchPublish())];
}
