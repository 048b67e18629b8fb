//! Who may come in, and what they may do.

use super::Act;
use crate::answer::Refusal;
use crate::oauth;
use crate::portal::PortalState;

pub(super) fn perform(portal: &mut PortalState, act: Act) -> Result<(), Refusal> {
    match act {
        Act::RevokeToken => portal.token_lives = false,
        Act::RestoreToken => portal.token_lives = true,
        Act::UninstallApp { client_id } => oauth::uninstall(portal, &client_id)?,
        Act::RevokeInstall { client_id } => {
            let install = portal.installs.of(&client_id);
            let install = install.ok_or_else(|| Refusal::not_found(format!("the app {client_id} is not installed")))?;
            install.refresh_lives = false;
        }
        Act::DeletePortal => portal.deleted = true,
        Act::TakeScope { scope } => {
            portal.all_scopes().for_each(|scopes| scopes.retain(|granted| *granted != scope));
        }
        Act::GrantScope { scope } => portal.all_scopes().for_each(|scopes| scopes.extend([scope.clone()])),
        _ => return Err(Refusal::unknown_path()),
    }
    Ok(())
}
