/** @file Writes settings.schema.json anew from the table that is built. */
import { writeFileSync } from 'node:fs';
import { settingsSchema } from '@arena/judge';

writeFileSync(
  new URL('../schema/settings.schema.json', import.meta.url),
  `${JSON.stringify(settingsSchema(), null, 2)}\n`,
);
