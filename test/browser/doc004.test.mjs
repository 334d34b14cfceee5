// Document 004, About the Salesforce Integration User, whole: by an administrator, and by whoever has the integration user's mailbox.
// fixture: demo
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { control, person, ready, until } from './browser.mjs';
import { connect, mailTo, Org } from './api.mjs';

const app = ready.crm.connected_apps['Integration Test'];
const address = 'connector@mail.example';
const robot = { username: `connector@${ready.crm.admin.username.split('@')[1]}`, password: 'first-Passw0rd-1' };

/** newest waits for a letter after so many, and returns its text. */
async function newest(to, after) {
  const letters = await until('a letter', async () => {
    const all = await mailTo(to);
    return all.length > after && all;
  });
  return (await control('GET', `/mail/${letters[0].id}`)).text;
}

/** token finds the security token in a letter. */
const token = (letter) => /Security token \(case-sensitive\): (\S+)/.exec(letter)[1];

/** passwordGrant asks for a token by user name and password. */
const passwordGrant = ({ username, password, security_token: more }) => fetch(`${ready.crm.url}/services/oauth2/token`, {
  method: 'POST',
  body: new URLSearchParams({ grant_type: 'password', client_id: app.client_id, client_secret: app.client_secret, username, password: password + more }),
});

/** tree walks the Lightning tree of Setup. */
const tree = (who, ...names) => who.part('navigation', 'Setup').walk(...names);

/** settings opens a person's own. */
const settings = (who) => who.go(who.page.getByRole('link', { name: 'Settings', exact: true }).first());

test('document 004', async () => {
  const carl = await person('an administrator');
  await carl.visit(`${ready.connect.url}/console/sign-in/salesforce?return=/guides/004`);
  await carl.signsInToOrg(ready.crm.system_user, { stay: true });
  if (await carl.page.getByRole('button', { name: 'Allow', exact: true }).count()) await carl.press('Allow');
  // seed:page S004-01 S004-02 S004-07 S004-18 S004-19 S004-20 S004-21
  assert.equal(await carl.heading(), 'About the Salesforce Integration User');
  await carl.sees(/^An integration user is an account in Salesforce that is dedicated to Salesforce Connector/);
  await carl.sees(/https:\/\/help\.salesforce\.com\//);
  await carl.sees(/^In some instances the security token may have to be reset/);
  await carl.sees('The security token is linked to the email address and password of the integration user.');
  await carl.sees('There are two ways: reset the security token, or change the password.');

  // seed:page S004-03 S004-04 S004-05 S004-06
  await carl.visit(ready.crm.url);
  await carl.setup();
  await tree(carl, 'Identity', 'OAuth and OpenID Connect Settings');
  for (const allow of [false, true]) {
    await carl[allow ? 'check' : 'uncheck']('Allow OAuth Username-Password Flows');
    await carl.press('Save');
    await carl.sees('Your changes are saved.');
    const answer = await passwordGrant(ready.crm.users[0]);
    assert.equal(answer.status, allow ? 200 : 400, await answer.text());
  }

  // seed:page S004-08 S004-09 S004-10 S004-11 S004-12 S004-13 S004-14 S004-15
  await carl.setup();
  await tree(carl, 'Users', 'Users');
  await carl.main.follow('New User');
  await carl.sees('General Information');
  await carl.fill({ 'First Name': 'Salesforce', 'Last Name': 'Connector', Alias: 'sfconn', Email: address, Username: 'connector' });
  await carl.choose('User License', 'Salesforce');
  await carl.choose('Profile', 'System Administrator');
  await carl.press('Save');
  await carl.sees('There is a problem');
  assert.equal(await carl.field('Last Name').inputValue(), 'Connector');
  await carl.fill({ Username: robot.username });
  await carl.press('Save');
  await carl.sees('The user is created.');
  const org = await Org.as();
  const [made] = await org.query(`SELECT Profile.Name, Profile.UserLicense.Name, IsActive FROM User WHERE Username = '${robot.username}'`);
  assert.deepEqual([made.Profile.Name, made.Profile.UserLicense.Name, made.IsActive], ['System Administrator', 'Salesforce', true]);
  await carl.main.follow('Edit Assignments'); // to the app that the connector signs in through
  await carl.check('Integration Test Users');
  await carl.press('Save');

  // The letter's link sets the password, and a security token comes with it. With the three the connection is created.
  // seed:page S004-16
  const connector = await person('whoever has the integration user’s mailbox');
  const invitation = await newest(address, 0);
  let letters = (await mailTo(address)).length;
  await connector.visit(/http\S+/.exec(invitation)[0]);
  await connector.fill({ 'New Password': robot.password, 'Confirm New Password': robot.password });
  await connector.press('Change Password');
  await connector.sees('Your password is set.');
  robot.security_token = token(await newest(address, letters));
  assert.equal((await passwordGrant(robot)).status, 200);
  // seed:page S004-17
  const integration = () => connect('POST', '/integration-user/check', {});
  await carl.visit(`${ready.connect.url}/console`);
  await carl.part('navigation', 'Connect').follow('Integration user');
  const form = carl.form('Consumer Key');
  await form.fill({ 'User name': robot.username, Password: robot.password, 'Security token': robot.security_token, 'Consumer Key': app.client_id, 'Consumer Secret': app.client_secret });
  await form.press('Connect the integration user');
  await carl.sees(robot.username);
  assert.equal((await integration()).state, 'connected');

  // The token is reset by an administrator who is logged in as the integration user, and the old one is refused from then on.
  // seed:page S004-22
  await carl.visit(`${ready.crm.url}/setup`);
  await tree(carl, 'Security', 'Login Access Policies');
  await carl.check('Administrators Can Log in as Any User');
  await carl.press('Save');
  // seed:page S004-23 S004-24 S004-25
  await carl.visit(`${ready.crm.url}/setup`);
  await tree(carl, 'Users', 'Users');
  await carl.row(robot.username).press('Login');
  await carl.sees(/logged in as this user/);
  // seed:page S004-26 S004-27 S004-28 S004-29
  await settings(carl);
  await carl.main.follow('Reset My Security Token');
  await carl.visit(`${ready.crm.url}/setup`);
  await carl.fill({ 'Quick Find': 'Reset Security Token' });
  await carl.press('Find');
  await carl.main.follow('Reset Security Token');
  letters = (await mailTo(address)).length;
  await carl.press('Reset Security Token');
  await carl.sees(new RegExp(`Your new security token is on its way to ${address}`));
  const fresh = token(await newest(address, letters));
  assert.equal((await passwordGrant(robot)).status, 400);
  robot.security_token = fresh;
  assert.equal((await passwordGrant(robot)).status, 200);
  assert.equal((await integration()).state, 'broken');
  await carl.visit(`${ready.connect.url}/guides/004?user=${encodeURIComponent(robot.username)}`);
  await carl.sees(/the org refuses/);
  await carl.visit(`${ready.connect.url}/console/integration-user`);
  const renew = carl.form('New password or security token');
  await renew.fill({ Password: robot.password, 'Security token': robot.security_token });
  await renew.press('Renew');
  assert.equal((await integration()).state, 'connected');

  // The other way: the password is changed, and the token with it. It goes to the address that the user has then.
  await connector.signsInToOrg(robot);
  await settings(connector);
  await connector.main.follow('Personal Information');
  await connector.fill({ Email: `new-${address}` });
  await connector.press('Save');
  await connector.sees('Your changes are saved.');
  await settings(connector);
  await connector.main.follow('Change My Password');
  await connector.fill({ 'Current Password': robot.password, 'New Password': 'second-Passw0rd-2', 'Confirm New Password': 'second-Passw0rd-2' });
  letters = (await mailTo(`new-${address}`)).length;
  await connector.press('Change Password');
  await connector.sees(/Your password is changed/);
  robot.password = 'second-Passw0rd-2';
  assert.equal((await passwordGrant(robot)).status, 400);
  robot.security_token = token(await newest(`new-${address}`, letters));
  assert.equal((await passwordGrant(robot)).status, 200);
  await connector.leaves();
  await carl.leaves();
});
