// Makes slds.css: of the Salesforce Lightning Design System's style sheet only the rules of the classes that the
// templates use. Run it by make look after a template began to use another class.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PurgeCSS } from 'purgecss';

const here = import.meta.dirname;
const system = join(here, 'node_modules/@salesforce-ux/design-system');
const version = JSON.parse(readFileSync(join(system, 'package.json'), 'utf8')).version;
const templates = readdirSync(join(here, '..')).filter((f) => f.endsWith('.html')).sort();
const text = templates.map((f) => readFileSync(join(here, '..', f), 'utf8')).join('\n');
const classes = [...new Set(text.match(/\bslds-[\w-]+/g))].sort();

const [{ css }] = await new PurgeCSS().purge({
  content: [{ raw: classes.map((c) => `<i class="${c}"></i>`).join('') + text.replace(/class="[^"]*"/g, ''), extension: 'html' }],
  css: [join(system, 'assets/styles/salesforce-lightning-design-system.min.css')],
  variables: true, keyframes: true, fontFace: true,
});
const inputs = createHash('sha256').update([version, ...classes].join('\n')).digest('hex');
const licence = readFileSync(join(system, 'scss/License-for-Sass.txt'), 'utf8').replaceAll('*/', '* /').trim();
writeFileSync(join(here, 'slds.css'), `/* Made by make look of @salesforce-ux/design-system ${version}: only what the pages use. Inputs ${inputs}\n${licence}\n*/\n${css.replace(/^@charset "UTF-8";/, '').trim()}\n`);
console.log(`slds.css: ${css.length} bytes of ${classes.length} classes`);
