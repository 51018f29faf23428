/** Resolves a recipe's media to exact versions and digests. */
import { diffLocks, formatLock, resolveRecipe } from '../recipe/index.ts';
import { prepareMedia } from '../workshop/media/index.ts';
import { openHome, type Home } from './home.ts';
import { mediaSources } from './media-sources.ts';
import type { RecipeSource } from './recipe-source.ts';

/** With `update`, what is offered now; otherwise the present lock is kept where it fits, and checked. */
export async function resolveLock(
  home: Home,
  source: RecipeSource,
  bases: readonly RecipeSource[],
  update: boolean,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<{ text: string; changes: readonly string[] }> {
  await openHome(home);
  const media = await prepareMedia({
    recipe: resolveRecipe(
      source.checked,
      {},
      bases.map(({ checked }) => checked),
    ),
    recipeDir: source.folder,
    cacheDir: home.cacheDir,
    ...(await mediaSources(home)),
    publicOnly: source.file === undefined,
    onHost: (host) => say(`note: asking ${host} for the first time`),
    lock: update ? undefined : source.lock,
    clock: () => new Date(),
    signal,
  });
  for (const warning of media.warnings ?? []) say(`note: ${warning}`);
  const changes = source.lock === undefined ? [] : diffLocks(source.lock, media.lock);
  return { text: formatLock(media.lock), changes };
}
