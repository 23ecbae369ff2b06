/** @file What people copy of a model on Hugging Face's hub: its id, the address of its page, or of a file on it. */

/** A model, and a GGUF file of it. */
export interface HubName {
  id: string;
  file?: string;
}

/**
 * Reads `owner/name`, `owner/name/file.gguf`, or an address of huggingface.co.
 * @throws Error saying what is expected.
 */
export function hubName(text: string): HubName {
  const path = text.trim().replace(/^https?:\/\/(www\.)?(huggingface\.co|hf\.co)\//i, '');
  const [owner, name, ...rest] = path
    .replace(/[?#].*$/, '')
    .split('/')
    .filter(Boolean);
  const file = rest.at(-1);
  const isWord = (part: string | undefined) => part !== undefined && /^[\w.-]+$/.test(part);
  const isFile = file !== undefined && /\.gguf$/i.test(file);
  const isPage = !rest.length || isFile || /^(tree|blob|resolve|main)$/.test(rest[0]);
  if (!isWord(owner) || !isWord(name) || !isPage) {
    throw new Error(
      `${text || 'nothing'}: a model's name such as google/gemma-3-270m, or the address of its page, is expected`,
    );
  }
  return { id: `${owner}/${name}`, ...(isFile ? { file } : {}) };
}

/** The name of a data set, out of that name or the address of its page. */
export function hubSetId(text: string): string {
  return text
    .trim()
    .replace(/^https?:\/\/(www\.)?(huggingface\.co|hf\.co)\//i, '')
    .replace(/^datasets\//, '')
    .replace(/[?#].*$/, '')
    .replace(/\/(tree|viewer|blob|resolve)\/.*$/, '')
    .replace(/\/+$/, '');
}
