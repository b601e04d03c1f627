//! Headless Chromium loads a page through the proxy.

use crate::origin::{IMAGES, OBJECTS, Origin};
use crate::world::{OFTEN, World, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_loads_a_page_while_the_connection_hops() {
    let (world, origin) = (World::start(OFTEN).await, Origin::start().await);
    let chromium = run(tokio::process::Command::new("chromium").arg("--version")).await;
    println!("{}", String::from_utf8_lossy(&chromium.stdout));
    let mut command = tokio::process::Command::new("chromium");
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        // It would go directly to this host otherwise.
        .args([&format!("--proxy-server=socks5://{}", world.socks), "--proxy-bypass-list=<-loopback>"])
        .arg(format!("--user-data-dir={}", world.folder.path().join("profile").display()))
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--dump-dom", &format!("http://{}/page", origin.address)]);
    let output = run(&mut command).await;
    let page = String::from_utf8_lossy(&output.stdout);
    let title = format!("<title>{} bytes, {IMAGES} images</title>", OBJECTS * 1000);
    assert!(page.contains(&title), "{page}\n{}", String::from_utf8_lossy(&output.stderr));
    world.assert_unlinkable_hops(20).await;
}
