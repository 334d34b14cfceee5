// The org's page layouts by keyboard, in an org that is new. fixture: new-org
import { test } from 'node:test';
import { person, ready } from './browser.mjs';

const { admin: administrator, system_user: systemUser } = ready.crm;

/** setup signs the administrator in and opens Setup. */
async function setup(name) {
  const admin = await person(name);
  await admin.signsInToOrg(administrator);
  await admin.follow('Setup');
  return admin;
}

/** tree walks the tree of Setup. */
const tree = (p, ...names) => p.part('navigation', 'Setup').walk(...names);

test('the package is installed, which brings the connected app', async () => {
  const admin = await setup('the administrator');
  await tree(admin, 'Build', 'Installed Packages');
  if (await admin.page.getByRole('button', { name: 'Install', exact: true }).count()) {
    await admin.choose('Version', '220');
    await admin.press('Install');
    await admin.sees('The package is installed.');
  }
  await admin.leaves();
});

// seed:page S000-27 S000-28 S000-29 S000-30 S000-31 S000-32
test('the page layout of users is edited by keyboard, and a caution is in the place of the token', async () => {
  const admin = await setup('the administrator');
  await tree(admin, 'Build', 'Customize', 'Users', 'Page Layouts');
  await admin.row('User Layout').follow('Edit');
  await admin.choose('Field', 'Marketing Cloud OAuth Token');
  await admin.choose('Section', 'Additional Information');
  await admin.page.getByRole('button', { name: 'Move to Section' }).focus();
  const arrived = admin.page.waitForEvent('framenavigated');
  await admin.page.keyboard.press('Enter');
  await arrived;
  await admin.sees('Nothing is saved yet.');
  await admin.press('Save');
  await admin.sees('The layout is saved.');
  await tree(admin, 'Administer', 'Manage Users', 'Users');
  await admin.row(systemUser.username).follow('Edit');
  await admin.sees('Additional Information');
  await admin.sees('Caution: from version 5.493');
  await admin.leaves();
});
