//! Headless Chromium loads a page through the proxy.

use std::io::Write as _;

use crate::origin::{IMAGES, OBJECTS, Origin};
use crate::world::{World, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_loads_a_page_while_the_connection_hops() {
    let (world, origin) = (World::start(20).await, Origin::start().await);
    let Ok(chromium) = std::process::Command::new("chromium").arg("--version").output() else {
        let why = "skipped: there is no chromium: run scripts/setup.sh\n";
        std::io::stderr().write_all(why.as_bytes()).unwrap();
        return;
    };
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
