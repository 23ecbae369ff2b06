/** The simple commands of a script, as lists of words. */
export function commandsOf(script: string): string[][];
