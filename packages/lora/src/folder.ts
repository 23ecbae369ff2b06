/** @file A folder that appears whole or not at all (Node). */

/** How often another writer of the same folder may come in between. */
const ATTEMPTS = 20;

/**
 * Writes files into a temporary folder beside `directory`, syncs them, and renames it into place. A folder that was
 * there is moved aside first and removed afterwards. Of several writers at once the last wins, whole.
 * @throws Error when the parent cannot be written.
 */
export async function writeFolder(directory: string, files: Record<string, string | Uint8Array>): Promise<void> {
  // Asked for at run time, so that bundlers for browsers have nothing to resolve.
  const fs = globalThis.process?.getBuiltinModule?.('node:fs/promises');
  if (!fs) throw new Error(`${directory}: folders are written by Node 20.19 or later; elsewhere use adapterFolder`);
  const own = crypto.randomUUID();
  const temporary = `${directory}.tmp-${own}`;
  await fs.mkdir(temporary, { recursive: true });
  try {
    for (const [name, content] of Object.entries(files)) {
      const file = await fs.open(`${temporary}/${name}`, 'w');
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
    }
    await replace(fs, temporary, directory, `${directory}.old-${own}`);
  } catch (error) {
    await fs.rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

/** A folder cannot be renamed onto one that holds files: that one goes aside first, and another may have come meanwhile. */
async function replace(fs: typeof import('node:fs/promises'), from: string, to: string, aside: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const moved = await fs.rename(to, aside).then(
      () => true,
      () => false,
    );
    const failure = await fs.rename(from, to).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error,
    );
    const busy = failure && ['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(failure.code ?? '') && attempt < ATTEMPTS;
    if (failure && !busy) {
      if (moved) await fs.rename(aside, to).catch(() => {}); // as it was
      throw failure;
    }
    if (moved) await fs.rm(aside, { recursive: true, force: true });
    if (!failure) return;
  }
}
