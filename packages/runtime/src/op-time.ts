/** @file The time of an op, summed over its calls. */

/** Calls and time of one op. */
export interface OpTime {
  name: string;
  calls: number;
  milliseconds: number;
}

/** Adds a call to the times by name. */
export function addTime(times: Map<string, OpTime>, name: string, milliseconds: number): void {
  const time = times.get(name) ?? { name, calls: 0, milliseconds: 0 };
  times.set(name, { name, calls: time.calls + 1, milliseconds: time.milliseconds + milliseconds });
}
