/** @file A folder that appears whole or not at all. */

/**
 * Writes files into a temporary folder beside `directory`, syncs them, and renames it into place. A folder that was
 * there is moved aside first and removed afterwards.
 * @throws Error when the parent cannot be written.
 */
export async function writeFolder(directory: string, files: Record<string, string | Uint8Array>): Promise<void> {
  const { mkdir, open, rename, rm } = await import('node:fs/promises');
  const temporary = `${directory}.tmp-${process.pid}`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  try {
    for (const [name, content] of Object.entries(files)) {
      const file = await open(`${temporary}/${name}`, 'w');
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
    }
    const old = `${directory}.old-${process.pid}`;
    const replaced = await rename(directory, old).then(
      () => true,
      () => false,
    );
    await rename(temporary, directory);
    if (replaced) await rm(old, { recursive: true, force: true });
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}
