/** The repository's address. */
export const REPOSITORY: string;
/** What is wrong with the links of pages, given as texts by path. */
export function linkProblems(pages: Map<string, string>): string[];
