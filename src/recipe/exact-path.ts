/** Paths that normaliser rules name: one file, written in the one way that a manifest writes it. */

/** From the root of a file system, whichever partition that is in: `/etc/fstab`, not `p1:/etc/fstab` or `/etc/*`. */
export function isExactPath(path: string): boolean {
  const [root, ...parts] = path.split('/');
  const isName = (part: string): boolean => /^[!-~]+$/.test(part) && part !== '.' && part !== '..';
  return root === '' && parts.every(isName) && !/[*?[\]\\]/.test(path);
}
