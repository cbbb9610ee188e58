# peel from its source, for nixpkgs and overlays:
#
#   nix-build -E 'with import <nixpkgs> { }; callPackage ./packaging/nix/package.nix { }'
#
# If the checkout isn't a release, pass the version yourself. vendorHash is the hash of
# the folder that `go mod vendor` makes; .ci/nix-hash.sh checks and writes it.
{
  lib,
  stdenv,
  buildGoModule,
  installShellFiles,
  version ? "0-unstable",
}:
buildGoModule {
  pname = "peel";
  inherit version;
  src = lib.cleanSource ../..;
  vendorHash = "sha256-MOnk0St63yrFBbButMh4fnyqSHrdW1yrlV2JgHDUh0I=";

  subPackages = [ "." ];
  env.CGO_ENABLED = 0;
  ldflags = [
    "-s"
    "-w"
    "-X github.com/peelhq/peel/cmd.release=${version}"
  ];

  # Without -short, tests need engines and browsers, which a sandbox doesn't have.
  checkFlags = [ "-short" ];

  nativeBuildInputs = [ installShellFiles ];
  postInstall =
    ''
      install -Dm644 LICENSE THIRD_PARTY_NOTICES -t $out/share/doc/peel
    ''
    + lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
      $out/bin/peel man | gzip -9n >peel.1.gz
      installManPage peel.1.gz
      installShellCompletion --cmd peel \
        --bash <($out/bin/peel completion bash) \
        --zsh <($out/bin/peel completion zsh) \
        --fish <($out/bin/peel completion fish)
    '';

  meta = {
    description = "Explore the layers of container images and what they waste";
    homepage = "https://github.com/peelhq/peel";
    license = lib.licenses.asl20;
    mainProgram = "peel";
  };
}
