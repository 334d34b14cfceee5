// The org's Setup by the labels of documents 000, 001, 003 and 004, in an org that is new. fixture: new-org
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { person, ready, until } from './browser.mjs';
import { mailTo, Org } from './api.mjs';

const app = 'Salesforce Marketing Cloud';
const set = 'Marketing Cloud Connected App';
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

/** quickFind searches for a page and clicks it. */
async function quickFind(p, label) {
  await p.fill({ 'Quick Find': label });
  await p.press('Find');
  await p.main.follow(label);
}

/** named is a user's full name, by user name. */
const named = async (username) => (await (await Org.as()).query(`SELECT Name FROM User WHERE Username = '${username}'`))[0].Name;

/** policies sets the three of documents 001 and 003 at the app's form. */
async function policies(p) {
  await p.choose('Permitted Users', 'Admin approved users are pre-authorized');
  await p.choose('IP Relaxation', 'Relax IP restrictions');
  await p.choose('Refresh Token Policy', 'Immediately expire refresh token');
  await p.press('Save');
  if (await p.page.getByRole('button', { name: 'OK', exact: true }).count()) {
    await p.sees('Nothing is saved yet.');
    await p.press('OK');
  }
  await p.sees('The policies are saved.');
}

/** newSet makes a permission set, whose API name is checked before it is saved. */
async function newSet(p, label) {
  await p.main.follow('New');
  await p.fill({ Label: label });
  await p.press('Save');
  assert.equal(await p.field('API Name').inputValue(), label.replaceAll(' ', '_'));
  await p.press('Save');
  await p.sees('The permission set is saved.');
}

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

// seed:page S001-01 S001-02 S001-07 S001-08 S001-09 S001-10 S001-11 S001-12 S001-13 S001-14 S001-15 S001-16 S001-17 S001-18 S001-19
// seed:page S001-20 S001-21 S001-22 S001-23 S001-24 S001-25 S001-26 S001-27 S001-28 S001-29 S001-30 S001-31 S001-32 S001-33 S001-34
// seed:page S001-35 S001-36 S001-37 S001-38 S001-39 S001-40 S001-41 S001-42 S001-43 S001-44
test('document 001 in Setup', async () => {
  const admin = await setup('the administrator');
  const org = await Org.as();
  const system = await named(systemUser.username);
  await tree(admin, 'Administer', 'Manage Apps', 'Connected Apps');
  await admin.main.follow(app);
  await admin.main.follow('Edit Policies');
  await policies(admin);

  await tree(admin, 'Administer', 'Manage Users', 'Permission Sets');
  await newSet(admin, set);
  await tree(admin, 'Administer', 'Manage Users', 'Users');
  await admin.main.follow(system);
  await admin.main.follow('Edit Assignments');
  for (const label of ['Marketing Cloud Connector', 'Marketing Cloud Connector Admin', 'Marketing Cloud System User']) await admin.check(label);
  await admin.press('Save');
  await admin.sees('The permission sets are assigned.');

  const others = (await org.query('SELECT Name, Username FROM User WHERE IsActive = true ORDER BY Name')).filter((u) => u.Username !== systemUser.username);
  await tree(admin, 'Administer', 'Manage Users', 'Permission Sets');
  await admin.main.follow(set);
  await admin.main.follow('Manage Assignments');
  await admin.main.follow('Add Assignments');
  await admin.check(others[0].Name);
  await admin.press('Assign');
  await admin.sees('The Salesforce system user is not among the selected users');
  await admin.check(system);
  await admin.press('Assign');
  await admin.sees('Assignment Summary');
  await admin.press('Done');
  const assigned = await org.query(`SELECT Assignee.Username FROM PermissionSetAssignment WHERE PermissionSet.Label = '${set}'`);
  assert.deepEqual(assigned.map((a) => a.Assignee.Username).sort(), [others[0].Username, systemUser.username].sort());

  await tree(admin, 'Administer', 'Manage Apps', 'Connected Apps');
  await admin.main.follow(app);
  await admin.main.follow('Manage Permission Sets');
  await admin.check(set);
  await admin.press('Save');
  await admin.sees('Your changes are saved.');
  const [row] = await org.query(`SELECT OptionsAllowAdminApprovedUsersOnly FROM ConnectedApplication WHERE Name = '${app}'`);
  assert.equal(row.OptionsAllowAdminApprovedUsersOnly, true);
  assert.equal((await org.query("SELECT Id FROM SetupEntityAccess WHERE Parent.Name = 'Marketing_Cloud_Connected_App'")).length, 1);
  await admin.leaves();
});

// seed:page S003-17 S003-35 S003-36 S003-37 S003-38 S003-39 S003-40 S003-41 S003-42 S003-43 S003-44 S003-45 S003-46 S003-47 S003-48
// seed:page S003-49 S003-50 S003-51 S003-52 S003-53 S003-54 S003-55 S003-56 S003-57 S003-58 S003-59
test('the steps of document 003 that are the org administrator’s', async () => {
  const admin = await setup('the administrator');
  const second = 'Marketing Cloud Connected App after the upgrade';
  await quickFind(admin, 'Connected Apps');
  await admin.row(app).follow('Edit');
  await policies(admin);
  await quickFind(admin, 'Permission Sets');
  await newSet(admin, second);
  await quickFind(admin, 'Permission Sets');
  await admin.main.follow(second);
  await admin.main.follow('Manage Assignments');
  await admin.main.follow('Add Assignments');
  await admin.check(await named(systemUser.username));
  await admin.press('Assign');
  await admin.press('Done');
  await quickFind(admin, 'Connected Apps');
  await admin.main.follow(app);
  await admin.main.follow('Manage Permission Sets');
  await admin.check(second);
  await admin.press('Save');
  await admin.sees('Your changes are saved.');
  await admin.leaves();
});

// seed:page S004-01 S004-03 S004-04 S004-05 S004-06 S004-08 S004-09 S004-10 S004-11 S004-12 S004-13 S004-14 S004-15 S004-16 S004-17
// seed:page S004-18 S004-20 S004-22 S004-23 S004-24 S004-25 S004-26 S004-27 S004-28 S004-29
test('document 004: the integration user', async () => {
  const admin = await setup('the administrator');
  await tree(admin, 'Identity', 'OAuth and OpenID Connect Settings');
  await admin.check('Allow OAuth Username-Password Flows');
  await admin.press('Save');
  await admin.sees('Your changes are saved.');
  const username = `connector-${Date.now()}@org.example`;
  const address = 'connector@mail.example';
  await admin.visit('/setup');
  await admin.main.follow('Users');
  await admin.main.follow('New User');
  await admin.fill({ 'First Name': 'Salesforce', 'Last Name': 'Connector', Alias: 'sfconn', Email: address, Username: 'connector' });
  await admin.choose('User License', 'Salesforce');
  await admin.choose('Profile', 'System Administrator');
  await admin.press('Save');
  await admin.sees('There is a problem');
  assert.equal(await admin.field('Last Name').inputValue(), 'Connector');
  await admin.fill({ Username: username });
  await admin.press('Save');
  await admin.sees('The user is created.');
  await until('the letter', async () => (await mailTo(address)).length > 0);

  await tree(admin, 'Security', 'Login Access Policies');
  await admin.check('Administrators Can Log in as Any User');
  await admin.press('Save');
  await admin.visit('/setup');
  await admin.main.follow('Users');
  await admin.row(username).press('Login');
  await admin.follow('Settings');
  await admin.main.follow('Reset My Security Token');
  const letters = (await mailTo(address)).length;
  await admin.press('Reset Security Token');
  await admin.sees('Your new security token is on its way');
  await until('the letter with the token', async () => (await mailTo(address)).length > letters);
  await admin.leaves();
});

// seed:page S000-27 S000-28 S000-29 S000-30 S000-31 S000-32 S000-33 S000-34 S000-37
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
