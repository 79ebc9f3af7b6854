// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "FolderConfig",
    dependencies: [
        // In a package of your own: .package(url:from:traits:), as in README.md.
        .package(name: "tutorial-extension", path: "../..", traits: [])
    ],
    targets: [
        .executableTarget(
            name: "FolderConfig",
            dependencies: [.product(name: "Osquery", package: "tutorial-extension")],
            path: "Sources")
    ]
)
