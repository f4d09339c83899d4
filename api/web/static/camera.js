// The camera: permission, choice, and each frame with the time at which it was taken.

import { Refusal } from "./send.js";

/** Starts the camera into `video` (`deviceId` null: the one at the back of a phone). Refusal in words. */
export async function openCamera(video, deviceId, [width, height]) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Refusal(
      "Browsers give pages the camera over HTTPS only",
      "Start the service with --https and open its https address.",
      "insecure",
    );
  }
  if (!("requestVideoFrameCallback" in HTMLVideoElement.prototype)) {
    throw new Refusal(
      "This browser does not tell when a picture was taken",
      "Use a current Chrome, Edge, Safari or Firefox: without true times there is no tremor.",
      "no_times",
    );
  }
  closeCamera(video);
  const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: { ideal: "environment" } };
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { ...which, width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30, max: 60 } },
    });
  } catch (error) {
    throw refusal(error);
  }
  await video.play();
}

export function closeCamera(video) {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
}

/** Cameras with their names, which browsers tell after permission only. */
export async function cameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((device) => device.kind === "videoinput");
}

export const cameraId = (video) => video.srcObject?.getVideoTracks()[0]?.getSettings().deviceId ?? null;

/** Calls `onFrame(captureMs)` for each new picture until the camera stops; the times are on one clock. */
export function watchFrames(video, onFrame) {
  const stream = video.srcObject;
  let clock = null;
  let last = -Infinity;
  const step = (now, meta) => {
    if (video.srcObject !== stream) return;
    video.requestVideoFrameCallback(step);
    // Never `now`: it is the screen's rhythm, not the camera's.
    clock ??= meta.captureTime === undefined ? "mediaTime" : "captureTime";
    const ms = clock === "captureTime" ? meta.captureTime : meta.mediaTime * 1000;
    if (!(ms > last)) return;
    last = ms;
    onFrame(ms);
  };
  video.requestVideoFrameCallback(step);
}

function refusal(error) {
  switch (error.name) {
    case "NotAllowedError":
      return new Refusal(
        "The camera is not allowed here",
        "Allow it beside the page's address, then turn the camera on again.",
        "not_allowed",
      );
    case "NotFoundError":
    case "OverconstrainedError":
      return new Refusal("No camera was found", "Plug one in, or open this page on a phone.", "no_camera");
    case "NotReadableError":
      return new Refusal("The camera is in use", "Close the other program that uses it.", "camera_busy");
    default:
      return new Refusal("The camera did not start", `Try another one (${error.name}).`, "camera_failed");
  }
}
