/** @file Explains a server's refusal, and what to do. Hugging Face's hub gives the reason in a header. */
import { FileError } from './error.js';

/** A server that is busy or failing: another try may help. */
export class TemporaryRefusal extends Error {
  override readonly name = 'TemporaryRefusal';
}

/** The error for an answer that is not ok. `cause.status` is the HTTP status. */
export function refusal(response: Response, url: string): FileError | TemporaryRefusal {
  const { status } = response;
  const reason = refusalReason(response);
  if (status === 429 || status >= 500) return new TemporaryRefusal(reason);
  return new FileError(codeOfStatus(status), reason, url, { cause: { status } });
}

/** The code for an HTTP status. A busy or failing server counts as `network`. */
export function codeOfStatus(status: number): FileError['code'] {
  if (status === 404) return 'not_found';
  return status === 429 || status >= 500 ? 'network' : 'refused';
}

/** Why an answer is not ok, and what to do. */
export function refusalReason({ status, statusText, headers, url }: Response, what = whatAt(url)): string {
  const answered = `the server answered ${status} ${statusText}`.trimEnd();
  const known = status === 429 || status >= 500 ? undefined : reasonOf(status, headers.get('x-error-code'), what);
  return known ? `${answered}: ${known}` : answered;
}

/** What the hub keeps at an address. */
function whatAt(url: string): string {
  return /\/datasets\//.test(url) ? 'data set' : 'model';
}

function reasonOf(status: number, code: string | null, what: string): string | undefined {
  // Without a token the hub also answers 401 for a model that does not exist: the code tells the two apart.
  if (code === 'RepoNotFound') return `there is no such ${what}, or it is private and the token may not see it`;
  if (code === 'RevisionNotFound') return `the ${what} has no such revision`;
  if (code === 'EntryNotFound') return `the ${what} has no such file`;
  if (status === 401) {
    return 'no valid access token was given: make one on Hugging Face (settings, access tokens) and set HF_TOKEN';
  }
  if (status === 403) {
    return `the token is known but may not read this: accept the licence on the ${what}'s page, with the token's account`;
  }
  return status === 404 ? 'there is nothing at this address' : undefined;
}
