// Connect's console: an administrator runs the connection from its pages. fixture: demo
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { person, ready, until } from './browser.mjs';
import { connect, mailTo, Org } from './api.mjs';

const at = (path) => `${ready.connect.url}/console${path}`;
const [user, other] = ready.crm.users;

/** signsIn is the Salesforce system user, who is a Marketing Cloud for AppExchange Admin, at a page of the console. */
async function signsIn(path) {
  const carl = await person('the administrator'); // walk.test.mjs judges these pages
  await carl.visit(`${ready.connect.url}/console/sign-in/salesforce?return=${encodeURIComponent(`/console${path}`)}`);
  await carl.signsInToOrg(ready.crm.system_user, { stay: true });
  if (await carl.page.getByRole('button', { name: 'Allow', exact: true }).count()) await carl.press('Allow');
  return carl;
}

const mapped = async (name) => (await connect('GET', '/users')).users.find((u) => u.crm_username === name)?.state;

// seed:page S002-34 S002-35 S003-09
test('an administrator runs the connection', async () => {
  const carl = await signsIn('');
  await carl.sees('Last proof');
  await carl.sees('Next expiry');

  // Manage Business Units.
  const unit = ready.engagement.business_units[0];
  const enabled = async () => (await connect('GET', '/business-units')).business_units.find((u) => u.account_id === unit.mid).enabled;
  await carl.part('navigation', 'Connect').follow('Manage Business Units');
  await carl.check(unit.name);
  await carl.press('Add and save');
  await carl.sees('The business units are saved');
  assert.equal(await enabled(), true);

  // All Marketing Cloud Connect activities are paused (document 003): a triggered send, and a scheduled send is taken back.
  await carl.visit(at('/triggers/new'));
  await carl.fill({ Name: 'Greet', Object: 'Contact', 'Send definition': 'welcome', 'Hours Delayed': '9999' });
  await carl.choose('When', 'a record is inserted');
  await carl.press('Save');
  assert.equal(await carl.field('Name').inputValue(), 'Greet');
  await carl.fill({ 'Hours Delayed': '0' });
  await carl.press('Save');
  const greet = async () => (await connect('GET', '/triggers')).triggers.find((t) => t.name === 'Greet');
  assert.equal((await greet()).active, true);
  await carl.press('Pause Greet');
  assert.equal((await greet()).active, false);
  const org = await Org.as(ready.crm.system_user);
  const contact = await org.call('POST', '/sobjects/Contact', { FirstName: 'Cora', LastName: 'Console', Email: 'cora@customer.example' });
  await carl.visit(at('/sends/new'));
  const to = { 'Their IDs': contact.id, 'Send definition': 'welcome', 'As the user': user.username };
  await carl.choose('Audience', 'Contacts');
  await carl.fill({ ...to, 'Not before': new Date(Date.now() + 864e5).toISOString().slice(0, 16) });
  await carl.press('Send');
  await carl.press('Cancel the send');
  assert.equal((await connect('GET', '/mailings')).mailings[0].state, 'cancelled');

  // A send goes out, and its page tells.
  await carl.visit(at('/sends/new'));
  await carl.choose('Audience', 'Contacts');
  await carl.fill(to);
  await carl.press('Send');
  await until('the mail', async () => (await mailTo('cora@customer.example')).length === 1);

  // A test email to oneself.
  await carl.visit(at('/test-sends'));
  const myself = carl.form('Send a test email to yourself');
  await myself.fill({ 'Send definition': 'welcome', 'As the user': user.username, 'Address that it goes to': 'carl@admin.example' });
  await myself.press('Send the test email');
  await until('the test email', async () => (await mailTo('carl@admin.example')).length === 1);

  // Mappings: filtered, chosen, and cleared in bulk with a reason.
  await carl.visit(at('/mappings'));
  await carl.fill({ 'Salesforce user name begins with': user.username.slice(0, 4) });
  await carl.press('Find');
  await carl.lacks(other.username);
  await carl.visit(at('/mappings'));
  for (const u of [user, other]) await carl.check(u.username);
  await carl.press('Clear the mappings chosen');
  await carl.press('Clear');
  await carl.sees(/Say why, in one line/);
  assert.equal(await mapped(user.username), 'mapped');
  await carl.field(/^Why/).fill('moved to another team');
  await carl.press('Clear');
  await carl.sees(/2 mappings were cleared/);
  assert.notEqual(await mapped(user.username), 'mapped');

  // API usage, its alerts, notifications, and the record.
  await carl.visit(at('/usage'));
  await carl.follow('Usage alerts');
  await carl.fill({ 'Percent of the org’s rolling 24-hour limit': '60 90' });
  await carl.press('Save');
  assert.deepEqual((await connect('GET', '/usage')).alerts.percents, [60, 90]);
  await carl.visit(at('/notifications'));
  await carl.fill({ 'Exception notifications go to': 'carl@admin.example' });
  await carl.press('Save');
  assert.deepEqual((await connect('GET', '/notifications')).recipients, ['carl@admin.example']);
  await carl.visit(at('/audit'));
  await carl.sees('moved to another team');
  await carl.press('Verify the record');
  await carl.sees('The record is as it was written');
  await carl.leaves();
});

// The doctor shows what is safe to mend; a person confirms it and mends it by the click that stands there, in a session of his own in the
// org, and Connect looks again.
test('an administrator mends what is safe', async () => {
  const org = await Org.as();
  const system = ready.crm.system_user.username;
  const [{ Id: id, Name: name }] = await org.query(`SELECT Id, Name FROM User WHERE Username = '${system}'`);
  const ticked = async () => (await org.query(`SELECT UserPermissionsMarketingUser FROM User WHERE Id = '${id}'`))[0].UserPermissionsMarketingUser;
  const words = async () => (await connect('GET', '/audit')).entries.map((e) => e.action);
  const box = 'Marketing User';
  const mend = `D11 ${box}: ${system}`;
  await org.call('PATCH', `/sobjects/User/${id}`, { UserPermissionsMarketingUser: false });

  const carl = await signsIn('');
  await carl.visit(`${ready.connect.url}/doctor`);
  await carl.press('Look now');
  await carl.sees(new RegExp(mend));
  await carl.part('navigation', 'Breadcrumb').follow('Doctor');
  await carl.press('Mend what is safe');
  await carl.uncheck(mend);
  await carl.press('Confirm the mends chosen');
  await carl.sees('Choose at least one mend.');
  assert.ok(!(await words()).includes('doctor.fix'));
  await carl.check(mend);
  await carl.press('Confirm the mends chosen');
  await carl.sees('to be made');
  assert.ok((await words()).includes('doctor.fix'));

  // Confirming makes nothing, and what counts is what is read back.
  await carl.press('They are made: look again');
  await carl.sees('still found');
  assert.equal(await ticked(), false);
  await carl.follow('Mend more');
  await carl.press('Confirm the mends chosen');
  await carl.sees(`Setup > Users > Users > ${system} > Edit > ${box}`);
  const alma = await person('the org’s administrator');
  await alma.signsInToOrg(ready.crm.admin);
  await alma.setup();
  await alma.part('navigation', 'Setup').walk('Users', 'Users');
  await alma.main.follow(name);
  await alma.main.follow('Edit');
  await alma.check(box);
  await alma.press('Save');
  await alma.sees('Your changes are saved.');
  assert.equal(await ticked(), true);
  await carl.press('They are made: look again');
  await carl.sees('mended');
  await carl.lacks('still found');
  assert.ok((await words()).includes('doctor.fixed'));
  const { findings } = await connect('GET', '/doctor');
  assert.ok(!findings.some((f) => f.check === 'D11'), JSON.stringify(findings));
  await alma.leaves();
  await carl.leaves();
});
