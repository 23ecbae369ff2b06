/** @file Progress of long work: one redrawn line on a terminal, occasional plain lines elsewhere. */

export interface Progress {
  /** @param text Text after the bar, such as the loss. */
  update(done: number, text?: string): void;
  /** Ends the line, leaving `text` behind. */
  finish(text?: string): void;
}

export interface ProgressOptions {
  label: string;
  total: number;
  /** What was done before, by an earlier process: it says nothing of the rate. Default 0. */
  from?: number;
  /** Word for the unit of the rate. */
  unit: string;
  stream?: NodeJS.WriteStream;
  now?: () => number;
}

let muted = false;

/** Turns progress off in this process: one of several ranks is enough. */
export function muteProgress(): void {
  muted = true;
}

/** Shows share, rate and time left. Without a terminal it prints a line at each tenth. */
export function progress({
  label,
  total,
  from = 0,
  unit,
  stream = process.stderr,
  now = Date.now,
}: ProgressOptions): Progress {
  if (muted) return { update: () => {}, finish: () => {} };
  const start = now();
  let drawn = -Infinity;
  let printedTenth = Math.floor((10 * from) / total);
  const line = (done: number, text: string) => {
    const seconds = (now() - start) / 1000;
    const rate = seconds > 0 ? (done - from) / seconds : 0;
    const left = rate && done < total ? `, ${duration((total - done) / rate)} left` : '';
    return `${label} ${done}/${total}  ${rateText(rate, unit)}${left}${text ? `  ${text}` : ''}`;
  };
  return {
    update(done, text = '') {
      if (stream.isTTY) {
        if (now() - drawn < 100 && done < total) return;
        drawn = now();
        stream.write(`\r\x1b[2K${line(done, text).slice(0, (stream.columns ?? 80) - 1)}`);
        return;
      }
      const tenth = Math.floor((10 * done) / total);
      if (tenth <= printedTenth) return;
      printedTenth = tenth;
      stream.write(`${line(done, text)}\n`);
    },
    finish(text) {
      if (stream.isTTY) stream.write('\r\x1b[2K');
      if (text !== undefined) stream.write(`${text}\n`);
    },
  };
}

function rateText(rate: number, unit: string): string {
  return `${rate >= 99.5 ? Math.round(rate) : rate.toPrecision(2)} ${unit}/s`;
}

/** Seconds in readable form: 8 s, 3 min 20 s, 2 h 5 min. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
