interface Manifest {
  name: string;
  description: string;
  keywords: string[];
  files: string[];
  scripts?: Record<string, string>;
}

export function manifests(): { path: string; folder: string; is: Manifest; should: Manifest }[];
